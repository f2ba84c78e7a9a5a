const VARINT = 0;
const BYTES = 2;
const WIRE_BITS = 3;
const MORE = 0x80;

/** A field of bytes, or of a message in it. */
export function bytesField(field: number, bytes: Buffer): Buffer {
  return Buffer.concat([varint((field << WIRE_BITS) | BYTES), varint(bytes.length), bytes]);
}

/** A field of a whole number from 0 on, or of an enum. */
export function numberField(field: number, value: number): Buffer {
  return Buffer.concat([varint((field << WIRE_BITS) | VARINT), varint(value)]);
}

/** The last value of a field in a message: bytes, or a number; undefined when it is not there. */
export function fieldOf(message: Buffer, field: number): Buffer | number | undefined {
  let found: Buffer | number | undefined;
  for (let at = 0; at < message.length; ) {
    const [tag, afterTag] = readVarint(message, at);
    const [value, afterValue] = readVarint(message, afterTag);
    const wire = tag & ((1 << WIRE_BITS) - 1);
    if (wire !== VARINT && wire !== BYTES) throw new Error(`a field of wire type ${wire} is not expected`);
    at = wire === BYTES ? afterValue + value : afterValue;
    if (tag >> WIRE_BITS === field) found = wire === BYTES ? message.subarray(afterValue, at) : value;
  }
  return found;
}

/** The bytes in a message behind fields of messages; undefined when one of them is not there. */
export function bytesAt(message: Buffer, ...path: readonly number[]): Buffer | undefined {
  let inner: Buffer | undefined = message;
  for (const field of path) {
    const value: Buffer | number | undefined = inner === undefined ? undefined : fieldOf(inner, field);
    inner = typeof value === 'number' ? undefined : value;
  }
  return inner;
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= MORE; rest = Math.floor(rest / MORE)) bytes.push((rest % MORE) + MORE);
  bytes.push(rest);
  return Buffer.from(bytes);
}

function readVarint(bytes: Buffer, start: number): readonly [value: number, end: number] {
  let value = 0;
  let scale = 1;
  let at = start;
  for (; bytes[at] >= MORE; at++, scale *= MORE) value += (bytes[at] - MORE) * scale;
  return [value + bytes[at] * scale, at + 1];
}
