import murmurhash from 'murmurhash';
import { SLOTS } from '../../storage/key-layout.js';

let byPlace: Uint16Array | undefined;
let ascending: Uint32Array | undefined;
let places: Uint32Array | undefined;

/** The slot's place on the ring: frozen, all nodes must agree. */
export function slotPlace(slot: number): number {
  // Worked out once: the package takes a microsecond for each.
  places ??= Uint32Array.from({ length: SLOTS }, (_, one) => murmurhash.v3(String(one), 0));
  return places[slot];
}

/** All slots in the order of their places. */
export function slotsByPlace(): Uint16Array {
  byPlace ??= Uint16Array.from({ length: SLOTS }, (_, slot) => slot).sort(
    (a, b) => slotPlace(a) - slotPlace(b) || a - b,
  );
  return byPlace;
}

/** The places of all slots, ascending. */
export function sortedPlaces(): Uint32Array {
  ascending ??= Uint32Array.from(slotsByPlace(), slotPlace);
  return ascending;
}
