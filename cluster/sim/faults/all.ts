import { clockFaults } from './clock-faults.js';
import { diskFaults } from './disk-faults.js';
import type { Fault } from './fault.js';
import { networkFaults } from './network-faults.js';
import { processFaults } from './process-faults.js';

/** Every fault there is, by its name. */
export const FAULTS: ReadonlyMap<string, Fault> = new Map(
  [...networkFaults, ...processFaults, ...diskFaults, ...clockFaults].map((fault) => [fault.name, fault]),
);
