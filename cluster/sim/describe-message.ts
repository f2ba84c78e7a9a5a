import { CORRUPT, decodeRecord } from '../../storage/record.js';
import { fnv1a, WriterTable } from '../../storage/writers.js';
import { Message } from '../messages.js';
import { FrameReader } from '../transport/frame-reader.js';
import { LENGTH_BYTES } from '../transport/limits.js';
import { type Sight, sightOf } from './sight.js';

const NAMES = new Map<number, string>(Object.entries(Message).map(([name, type]) => [type, name]));

const TOLD: ReadonlySet<number> = new Set([
  Message.Write,
  Message.WriteHinted,
  Message.WriteEnd,
  Message.WriteAck,
  Message.Read,
  Message.ReadDigest,
  Message.ReadRecord,
  Message.ReadFailed,
  Message.Repair,
  Message.Forward,
  Message.ForwardReply,
  Message.Hint,
  Message.HintAck,
  Message.RepairRecord,
  Message.ReapAsk,
  Message.ReapAnswer,
]);

/** Commands and hints are numbered apart from groups and reads. */
const SERIES: ReadonlyMap<number, string> = new Map<number, string>([
  [Message.Forward, 'command '],
  [Message.ForwardReply, 'command '],
  [Message.Hint, 'hint '],
  [Message.HintAck, 'hint '],
  [Message.ReapAsk, 'reap '],
  [Message.ReapAnswer, 'reap '],
]);

/** A message in words, and the keys it is about as far as they are known. */
export interface Described {
  readonly text: string;
  readonly keys: readonly string[];
}

/** Says messages and records in words. Readings of clocks become small numbers, in the order they are first met. */
export class Describer {
  private readonly writers = new WriterTable();
  private readonly reader = new FrameReader();
  private readonly readings = new Map<number, number>();
  /** Which keys a request or a group was about: its answer does not say. */
  private readonly keysOf = new Map<string, string[]>();

  /** One for each message of a frame that is about records or commands. */
  frame(from: string, to: string, bytes: Buffer): Described[] {
    const told: Described[] = [];
    for (let at = 0; at < bytes.length; ) {
      const end = at + LENGTH_BYTES + bytes.readUInt32BE(at);
      const body = this.reader.reset(bytes, at + LENGTH_BYTES, end);
      const type = body.u8();
      if (TOLD.has(type)) {
        const { text, keys } = this.body(type, from, to, body);
        told.push({ text: `${from} > ${to}  ${NAMES.get(type)} ${text}`, keys });
      }
      at = end;
    }
    return told;
  }

  sight({ siblings, context }: Sight): string {
    const values = siblings.map(
      ({ writer, hlc, value }) => `${value === null ? 'deleted' : `"${value}"`} by ${this.dot(writer, hlc)}`,
    );
    const seen = Object.entries(context).map(([writer, hlc]) => this.dot(writer, hlc));
    return `${values.join(' and ') || 'nothing'}, seen up to ${seen.join(' ') || 'nothing'}`;
  }

  private body(type: number, from: string, to: string, body: FrameReader): Described {
    if (type === Message.Repair) return this.keyed(body);
    const id = body.u32();
    const series = SERIES.get(type) ?? '';
    const asked = `${from} ${to} ${series}${id}`;
    const answered = `${to} ${from} ${series}${id}`;
    switch (type) {
      case Message.Write:
      case Message.WriteHinted: {
        body.u32();
        const home = type === Message.WriteHinted ? ` for ${body.latin1()}` : '';
        const { text, keys } = this.keyed(body);
        this.keysOf.set(asked, [...(this.keysOf.get(asked) ?? []), ...keys]);
        return { text: `group ${id}${home}: ${text}`, keys };
      }
      case Message.WriteEnd:
        return { text: `group ${id} of ${body.u32()}`, keys: this.keysOf.get(asked) ?? [] };
      case Message.WriteAck:
        return {
          text: `group ${id} ${body.u8() === 1 ? 'safe' : 'failed'}`,
          keys: this.keysOf.get(answered) ?? [],
        };
      case Message.Read: {
        body.u32();
        const full = body.u8() === 1;
        const key = this.place(body);
        this.keysOf.set(asked, [key]);
        return { text: `${id} ${full ? 'record' : 'digest'} of ${key}`, keys: [key] };
      }
      case Message.ReadRecord: {
        const [key] = this.keysOf.get(answered) ?? ['?'];
        if (body.left === 0) return { text: `${id} ${key}: none`, keys: [key] };
        return { text: `${id} ${this.record(key, body)}`, keys: [key] };
      }
      case Message.Hint: {
        const { text, keys } = this.keyed(body);
        this.keysOf.set(asked, [...keys]);
        return { text: `${id}: ${text}`, keys };
      }
      case Message.HintAck:
        return {
          text: `${id} ${body.u8() === 1 ? 'safe' : 'failed'}`,
          keys: this.keysOf.get(answered) ?? [],
        };
      case Message.RepairRecord: {
        const pushed = body.u8() === 1 ? 'pushed' : 'asked for';
        const { text, keys } = this.keyed(body);
        return { text: `${id} ${pushed}: ${text}`, keys };
      }
      case Message.ReapAsk: {
        const drop = body.u8() === 1;
        const keys: string[] = [];
        for (let left = body.u16(); left > 0; left--) {
          keys.push(this.place(body));
          body.u32();
          body.u32();
        }
        this.keysOf.set(asked, keys);
        return { text: `${id} ${drop ? 'forget' : 'forget?'} ${keys}`, keys };
      }
      case Message.ReapAnswer: {
        const keys = this.keysOf.get(answered) ?? [];
        const verdicts = body.bytes(body.u16());
        return { text: `${id} ${keys.map((key, i) => `${key} ${verdicts[i] === 1 ? 'yes' : 'no'}`)}`, keys };
      }
      case Message.Forward: {
        // When it was sent, and its budget.
        body.u32();
        body.u32();
        const { keys } = JSON.parse(body.latin1()) as { keys: string[] };
        this.keysOf.set(asked, keys);
        return { text: `${id}`, keys };
      }
      default:
        return { text: `${id}`, keys: this.keysOf.get(answered) ?? [] };
    }
  }

  private keyed(body: FrameReader): Described {
    const key = this.place(body);
    return { text: this.record(key, body), keys: [key] };
  }

  private place(body: FrameReader): string {
    body.u8();
    body.u16();
    return body.latin1();
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
