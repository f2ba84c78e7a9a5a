import { clockFaults } from './clock-faults.js';
import { diskFaults } from './disk-faults.js';
import type { Fault } from './fault.js';
import { networkFaults } from './network-faults.js';
import { processFaults } from './process-faults.js';
import { rackFaults } from './rack-faults.js';
import { ringChanges } from './ring-changes.js';
import { ringStepFaults } from './ring-step-faults.js';
import { roundFaults } from './round-faults.js';

/** The faults that strike at any time, by their names. */
export const FAULTS: ReadonlyMap<string, Fault> = byName([
  ...networkFaults,
  ...processFaults,
  ...diskFaults,
  ...clockFaults,
]);

/** What is done to the ring. */
export const RING_CHANGES: ReadonlyMap<string, Fault> = byName(ringChanges);

/** What strikes in the middle of that: while the ring does not change it never comes. */
export const RING_STEP_FAULTS: ReadonlyMap<string, Fault> = byName(ringStepFaults);

/** What strikes a rack: where machines stand in none they never come. */
export const RACK_FAULTS: ReadonlyMap<string, Fault> = byName(rackFaults);

/** Those that strike in the middle of a register's round: without registers they never come. */
export const ROUND_FAULTS: ReadonlyMap<string, Fault> = byName(roundFaults);

function byName(faults: readonly Fault[]): ReadonlyMap<string, Fault> {
  return new Map(faults.map((fault) => [fault.name, fault]));
}
