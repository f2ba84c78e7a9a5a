/** Methods of Node's Buffer that @types/node leaves out: the cheapest way between bytes and one-byte strings. */
interface Buffer {
  latin1Slice(start?: number, end?: number): string;
  latin1Write(text: string, offset?: number, length?: number): number;
}
