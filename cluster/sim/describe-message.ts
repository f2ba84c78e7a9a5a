import { CORRUPT, decodeRecord } from '../../storage/record.js';
import { fnv1a, WriterTable } from '../../storage/writers.js';
import { GOSSIP_MESSAGES } from '../gossip-codec.js';
import { Message } from '../messages.js';
import { FrameReader } from '../transport/frame-reader.js';
import { LENGTH_BYTES } from '../transport/limits.js';
import { type Sight, sightOf } from './checker.js';

const NAMES = new Map<number, string>(Object.entries(Message).map(([name, type]) => [type, name]));

/** Says messages and records in words. Readings of clocks become small numbers, in the order they are first met. */
export class Describer {
  private readonly writers = new WriterTable();
  private readonly reader = new FrameReader();
  private readonly readings = new Map<number, number>();
  /** Which key a read was about: its answer does not say. */
  private readonly keyOfRead = new Map<string, string>();

  /** One line for each message of a frame that is about records or commands. */
  frame(from: string, to: string, bytes: Buffer): string[] {
    const lines: string[] = [];
    for (let at = 0; at < bytes.length; ) {
      const end = at + LENGTH_BYTES + bytes.readUInt32BE(at);
      const body = this.reader.reset(bytes, at + LENGTH_BYTES, end);
      const type = body.u8();
      if (type !== Message.News && !GOSSIP_MESSAGES.includes(type))
        lines.push(`${from} > ${to}  ${NAMES.get(type)} ${this.body(type, from, to, body)}`);
      at = end;
    }
    return lines;
  }

  sight({ siblings, context }: Sight): string {
    const values = siblings.map(
      ({ writer, hlc, value }) => `${value === null ? 'deleted' : `"${value}"`} by ${this.dot(writer, hlc)}`,
    );
    const seen = Object.entries(context).map(([writer, hlc]) => this.dot(writer, hlc));
    return `${values.join(' and ') || 'nothing'}, seen up to ${seen.join(' ') || 'nothing'}`;
  }

  private body(type: number, from: string, to: string, body: FrameReader): string {
    if (type === Message.Write) return `group ${body.u32()}: ${this.keyed(body)}`;
    if (type === Message.Repair) return this.keyed(body);
    if (type === Message.WriteEnd) return `group ${body.u32()} of ${body.u32()}`;
    if (type === Message.WriteAck) return `group ${body.u32()} ${body.u8() === 1 ? 'safe' : 'failed'}`;
    const id = body.u32();
    if (type === Message.Hint) return `${id}: ${this.keyed(body)}`;
    if (type === Message.HintAck) return `${id} ${body.u8() === 1 ? 'safe' : 'failed'}`;
    if (type === Message.Read) {
      const full = body.u8() === 1;
      body.u8();
      body.u16();
      const key = body.latin1();
      this.keyOfRead.set(`${from} ${id}`, key);
      return `${id} ${full ? 'record' : 'digest'} of ${key}`;
    }
    if (type === Message.ReadRecord) {
      const key = this.keyOfRead.get(`${to} ${id}`)!;
      return body.left === 0 ? `${id} ${key}: none` : `${id} ${this.record(key, body)}`;
    }
    return String(id);
  }

  private keyed(body: FrameReader): string {
    body.u8();
    body.u16();
    return this.record(body.latin1(), body);
  }

  private record(key: string, body: FrameReader): string {
    const bytes = body.bytes(body.left);
    const record = decodeRecord(fnv1a(key), this.writers, bytes, 0, bytes.length);
    return record === CORRUPT ? `${key} damaged` : `${key} = ${this.sight(sightOf(record, this.writers))}`;
  }

  /** `n2.0/5`: node 2 in its incarnation 0, fifth reading met. */
  private dot(writer: string, hlc: number): string {
    if (!this.readings.has(hlc)) this.readings.set(hlc, this.readings.size + 1);
    const [id, incarnation] = writer.split('-');
    return `n${Number.parseInt(id.slice(0, 2), 16)}.${incarnation}/${this.readings.get(hlc)}`;
  }
}
