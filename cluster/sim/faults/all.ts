import { clockFaults } from './clock-faults.js';
import { diskFaults } from './disk-faults.js';
import type { Fault } from './fault.js';
import { networkFaults } from './network-faults.js';
import { processFaults } from './process-faults.js';
import { roundFaults } from './round-faults.js';

/** The faults that strike at any time, by their names. */
export const FAULTS: ReadonlyMap<string, Fault> = new Map(
  [...networkFaults, ...processFaults, ...diskFaults, ...clockFaults].map((fault) => [fault.name, fault]),
);

/** Those that strike in the middle of a register's round: without registers they never come. */
export const ROUND_FAULTS: ReadonlyMap<string, Fault> = new Map(
  roundFaults.map((fault) => [fault.name, fault]),
);
