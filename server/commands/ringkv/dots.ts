import type { KeyRecord, Version } from '../../../storage/record.js';
import { type WriterTable, writerName } from '../../../storage/writers.js';

/** A version's name as people see it: `writer:hlc`. It names one version for ever, on every node. */
export function dotText(version: Version, writers: WriterTable): string {
  return `${writerName(writers.id(version.writer))}:${version.hlc}`;
}

const DOT = '[0-9a-f]{32}-\\d{1,5}:\\d{1,16}';
const VERSION_NAME = new RegExp(`^${DOT}(\\+${DOT})*$`);

/** Whether `text` could be what `versionText` answers. */
export function isVersionText(text: string): boolean {
  return VERSION_NAME.test(text);
}

/**
 * The state of a whole key in one word: the dot of its version, or of all that are concurrent, newest first; `''` when it has none.
 * Equal as long as nobody has written the key, and two different states never have the same.
 */
export function versionText(record: KeyRecord | null, writers: WriterTable): string {
  if (record === null) return '';
  const { siblings } = record;
  if (siblings.length === 1) return dotText(siblings[0], writers);
  return siblings.map((version) => dotText(version, writers)).join('+');
}
