/**
 * How two nodes come to trust a connection, as a machine of bytes in and bytes out. Nothing else is accepted before it is
 * through.
 *
 *     dialler -> listener   opening: magic, newest and oldest version, node id, boot id, nonce
 *     listener -> dialler   opening
 *     dialler -> listener   proof: HMAC-SHA256(secret, role | the dialler's opening | the listener's opening)
 *     listener -> dialler   proof (of the other role)
 *     both                  control frames: hello, then accept, refuse or duplicate
 *
 * A stranger gets nothing: not a byte before a valid opening, then a random id and nonce, after a failed proof only a close.
 * The dialler proves first, so a stranger who connects never sees anything made with the secret. (One who is dialled does:
 * secrets must be long enough not to be guessed offline.) The roles keep a proof from being reflected, the nonces from
 * being replayed. Without a secret everybody passes, but a node with one and a node without do not get along.
 *
 * What it does not do: the frames that follow are neither signed nor encrypted. Who can alter traffic between two nodes can
 * take a proven connection over; TLS under this protocol is the way to close that, and comes later.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { LENGTH_BYTES } from './limits.js';

const NOTHING = Buffer.alloc(0);
const MAGIC = Buffer.from('RKVB', 'latin1');
/**
 * The versions of the bus protocol this program speaks: the newest, and the oldest that it still does. Two nodes get along when the newest
 * of one is not older than the oldest of the other. There is one so far: all frames are of version 2 (1 carried no epochs). Who adds a newer
 * one beside it has to tell the transport which of the two a connection speaks, the older of their newest.
 */
const NEWEST = 2;
const OLDEST = 2;
const ID_BYTES = 16;
const BOOT_BYTES = 8;
export const NONCE_BYTES = 32;
const PROOF_BYTES = 32;
const VERSION_AT = MAGIC.length;
const OLDEST_AT = VERSION_AT + 1;
const ID_AT = OLDEST_AT + 1;
const BOOT_AT = ID_AT + ID_BYTES;
const NONCE_AT = BOOT_AT + BOOT_BYTES;
export const OPENING_BYTES = NONCE_AT + NONCE_BYTES;
const CONTROL_HEADER = 1 + LENGTH_BYTES;

/** Control frames, type:u8 length:u32 payload; the numbers are frozen. */
export const Control = {
  /** The node's greeting. */
  Hello: 1,
  /** seq:u32 -- I want this connection; how many I had wanted before in this life. */
  Accept: 2,
  /** text -- I do not want you, and why. */
  Refuse: 3,
  /** We have another connection. */
  Duplicate: 4,
} as const;

export interface Opening {
  /** 16 bytes in hex. */
  readonly nodeId: string;
  /** 8 random bytes in hex, new with each start of the process: tells a restarted node from one that is still there. */
  readonly boot: string;
  /** 32 random bytes in hex, new with each connection. */
  readonly nonce: string;
}

export interface HandshakeHost {
  send(bytes: Buffer): void;
  /** The other side knows the secret. false: go no further. */
  onProven(remote: Opening): boolean;
  /** false: go no further, whether up or closed. */
  onControl(type: number, payload: Buffer): boolean;
  onFailure(reason: string): void;
}

export class Handshake {
  private readonly ownOpening: Buffer;
  private theirOpening: Buffer | undefined;
  private proven = false;
  private stopped = false;
  private held: Buffer = NOTHING;

  constructor(
    private readonly dialler: boolean,
    own: Opening,
    private readonly secret: string,
    private readonly maxHelloBytes: number,
    private readonly host: HandshakeHost,
  ) {
    this.ownOpening = Buffer.concat([
      MAGIC,
      Buffer.of(NEWEST, OLDEST),
      Buffer.from(own.nodeId, 'hex'),
      Buffer.from(own.boot, 'hex'),
      Buffer.from(own.nonce, 'hex'),
    ]);
    if (this.ownOpening.length !== OPENING_BYTES) throw new Error('a node id is 32 hex digits');
  }

  /** The connection stands; the dialler speaks first. */
  start(): void {
    if (this.dialler) this.host.send(this.ownOpening);
  }

  /** Takes what arrived. Returns the bytes behind the last step, which are no longer the handshake's. */
  feed(chunk: Buffer): Buffer {
    this.held = this.held.length === 0 ? chunk : Buffer.concat([this.held, chunk]);
    while (!this.stopped && this.step());
    if (!this.stopped) return NOTHING;
    const rest = this.held;
    this.held = NOTHING;
    return rest;
  }

  /** One step; false when it waits for bytes or has ended. */
  private step(): boolean {
    if (this.theirOpening === undefined) return this.readOpening();
    if (!this.proven) return this.readProof(this.theirOpening);
    return this.readControl();
  }

  private readOpening(): boolean {
    const { held } = this;
    const magic = Math.min(held.length, MAGIC.length);
    if (held.compare(MAGIC, 0, magic, 0, magic) !== 0) return this.fail('not a node of this kind');
    if (held.length > OLDEST_AT && (held[VERSION_AT] < OLDEST || held[OLDEST_AT] > NEWEST)) {
      return this.fail(
        `speaks versions ${held[OLDEST_AT]} to ${held[VERSION_AT]} of the bus protocol, this node ${OLDEST} to ${NEWEST}`,
      );
    }
    // Neither side has anything to say behind its opening before it has heard the other.
    if (held.length > OPENING_BYTES) return this.fail('spoke out of turn');
    if (held.length < OPENING_BYTES) return false;
    this.theirOpening = Buffer.from(held);
    this.held = held.subarray(OPENING_BYTES);
    this.host.send(this.dialler ? this.proof('dialler', this.theirOpening) : this.ownOpening);
    return true;
  }

  private readProof(theirOpening: Buffer): boolean {
    const { held } = this;
    if (!this.dialler && held.length > PROOF_BYTES) return this.fail('spoke out of turn');
    if (held.length < PROOF_BYTES) return false;
    const expected = this.proof(this.dialler ? 'listener' : 'dialler', theirOpening);
    if (!timingSafeEqual(held.subarray(0, PROOF_BYTES), expected)) {
      return this.fail('does not know the cluster secret');
    }
    this.held = held.subarray(PROOF_BYTES);
    this.proven = true;
    if (!this.dialler) this.host.send(this.proof('listener', theirOpening));
    if (!this.host.onProven(parseOpening(theirOpening))) this.stopped = true;
    return true;
  }

  private readControl(): boolean {
    const { held } = this;
    if (held.length < CONTROL_HEADER) return false;
    const length = held.readUInt32BE(1);
    if (length > this.maxHelloBytes) return this.fail(`greeting of ${length} bytes`);
    const end = CONTROL_HEADER + length;
    if (held.length < end) return false;
    this.held = held.subarray(end);
    if (!this.host.onControl(held[0]!, held.subarray(CONTROL_HEADER, end))) this.stopped = true;
    return true;
  }

  private proof(role: 'dialler' | 'listener', theirOpening: Buffer): Buffer {
    const [first, second] = this.dialler ? [this.ownOpening, theirOpening] : [theirOpening, this.ownOpening];
    return createHmac('sha256', this.secret)
      .update(`ringkv bus ${role}`)
      .update(first)
      .update(second)
      .digest();
  }

  private fail(reason: string): false {
    this.stopped = true;
    this.host.onFailure(reason);
    return false;
  }
}

/** The bytes of a control frame. */
export function controlFrame(type: number, payload: Buffer): Buffer {
  const frame = Buffer.allocUnsafe(CONTROL_HEADER + payload.length);
  frame[0] = type;
  frame.writeUInt32BE(payload.length, 1);
  payload.copy(frame, CONTROL_HEADER);
  return frame;
}

function parseOpening(bytes: Buffer): Opening {
  return {
    nodeId: bytes.toString('hex', ID_AT, BOOT_AT),
    boot: bytes.toString('hex', BOOT_AT, NONCE_AT),
    nonce: bytes.toString('hex', NONCE_AT, OPENING_BYTES),
  };
}
