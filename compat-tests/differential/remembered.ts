import type { Script } from '../cases/script.js';

/** Pipelines that were answered wrongly once: what they do depends on what is still under way. Keys are in one slot. */
export const remembered: Readonly<Record<string, Script>> = {
  'a refused command behind a flush': 'SET k 1\nFLUSHALL\nGET\nAPPEND k 2\nGET k',
  'an unknown command behind a flush': 'SET k 1\nFLUSHDB\nNOSUCH\nSETNX k 2\nGET k\nGET k',
  'a flush, errors, another flush': 'FLUSHALL\nGET\nSET k 1\nFLUSHALL\nGET\nSET k 2\nGET k',
  'another database behind an EXEC': 'SET k 0\nMULTI\nSELECT 1\nSET k 1\nEXEC\nGET k\nSELECT 0\nGET k',
  'an EXEC that is refused behind a WATCH': 'MULTI\nWATCH k {k}2\nEXEC x\nSET k 1\nGET k',
  'an EXEC that is refused ends a WATCH': 'WATCH k {k}2\nEXEC x\nSET k 1\nMULTI\nGET k\nEXEC',
  'an error behind a WATCH inside MULTI': 'MULTI\nWATCH k\nNOSUCH\nEXEC\nWATCH k\nGET\nMULTI\nEXEC',
  'a WATCH outlives an EXEC without MULTI': 'WATCH k\nEXEC\nSET k 1\nMULTI\nEXEC',
};
