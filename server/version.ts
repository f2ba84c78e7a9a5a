/** RingKV's own version. */
export const VERSION = '0.1.0';

/** The Redis whose commands, replies and error texts are spoken: what HELLO and INFO say, for clients that choose by it. */
export const REDIS_VERSION = '7.0.15';
