import pino, { type Logger } from 'pino';
import pretty from 'pino-pretty';
import type { SettingValues } from './config/table.js';

/** Log lines to standard output: for people on a terminal, JSON otherwise. */
export function makeLogger(values: SettingValues): Logger {
  const forPeople =
    values.logFormat === 'pretty' || (values.logFormat === 'auto' && process.stdout.isTTY === true);
  const level = values.logLevel;
  if (!forPeople) return pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime });
  return pino(
    { level, base: null },
    pretty({ colorize: process.stdout.isTTY === true, translateTime: 'SYS:HH:MM:ss.l', sync: true }),
  );
}
