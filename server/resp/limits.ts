/** What a client may make the decoder hold; the numbers are Redis 7.0's (`src/server.h`, `src/networking.c`). */
export interface DecoderLimits {
  /** Longest argument in bytes (`proto-max-bulk-len`), asked for each argument: CONFIG SET can change it. */
  maxBulkBytes(): number;
  /** Longest inline command, and longest line that announces a length, in bytes without its line end. */
  maxInlineBytes: number;
  /** Most arguments in one command. */
  maxMultibulk: number;
  /** False while a password is still owed: then the `UNAUTHENTICATED_` limits hold as well. */
  authenticated(): boolean;
  /** Most bytes held for one connection before a command is complete (`client-query-buffer-limit`). */
  maxQueryBuffer: number;
}

export const UNAUTHENTICATED_MAX_ARGUMENTS = 10;
export const UNAUTHENTICATED_MAX_BULK_BYTES = 16384;

/** What an argument costs the process beside its bytes: its string's header and its place in the array. */
export const ARGUMENT_OVERHEAD_BYTES = 32;

/** Redis's values where it has a setting, and the settings' defaults. */
export const DEFAULT_DECODER_LIMITS = {
  maxBulkBytes: 512 * 1024 * 1024,
  maxInlineBytes: 64 * 1024,
  /** Redis 7.0 takes up to 2^31 - 1; a million bounds what one unfinished command can pile up on the heap. */
  maxMultibulk: 1024 * 1024,
  maxQueryBuffer: 1024 * 1024 * 1024,
} as const;
