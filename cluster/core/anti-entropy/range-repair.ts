import { type HashRange, listRange, type RangeList } from '../../../storage/range-list.js';
import { LEAVES } from '../../../storage/slot-trees.js';
import { around, type Found, walkHashes } from './hash-walk.js';
import { type DifferingRange, leavesOf } from './leaf-compare.js';
import { RECORD_BYTES, RECORDS_AT_ONCE } from './responder.js';
import type { Session } from './session.js';
import { NOTHING, type Sum, same } from './shared-slots.js';
import { Ask, End, MAX_HASHES, type SentRecord } from './wire.js';
import { LISTED } from './worker.js';

/** A range that is thought to hold no more than this is fetched whole, bytes. */
const SMALL_BYTES = 4096;

/**
 * One range of keys made equal with a peer's: both sides' lists are compared, page by page; of the keys that differ the peer's
 * records are fetched and merged into ours; then ours are pushed wherever the peer's are not the same. Only the one or the other, if the session
 * goes one way; and without lists where one side has nothing, or there is little to fetch.
 *
 * Lists are taken while writes go on, so a key may differ that is only on its way: then a record is sent once too often,
 * which merging makes harmless.
 */
export class RangeRepair {
  /** The page's keys that differ, by hash, with what the peer has. */
  private differing = new Map<number, Sum>();
  private pageEnd = 0;
  /** Fetched records that are being merged. */
  private taking = 0;
  /** What to do when they are; null while more are coming. */
  private afterTaking: (() => void) | null = null;

  constructor(
    private readonly session: Session,
    private readonly range: DifferingRange,
    private readonly done: () => void,
  ) {}

  start(): void {
    const { empty, from } = this.range;
    const { way } = this.session.plan;
    if (empty === (way === 'push' ? 'ours' : way === 'pull' ? 'theirs' : undefined)) this.done();
    else if (empty === 'ours' || (way === 'pull' && this.isSmall)) this.fetchAll(from);
    else if (empty === 'theirs') this.pushAll(from);
    else this.nextPage(from);
  }

  /** It is fetched whole with less ado than two lists would make. */
  private get isSmall(): boolean {
    const { counts } = this.session.ground.summaries;
    const keys = (counts.slot(this.range.db, this.range.slot) * leavesOf(this.range)) / LEAVES;
    return this.session.bytesOf(keys) <= SMALL_BYTES;
  }

  private nextPage(from: number): void {
    const rest = { ...this.range, from };
    this.session.ask((wire, peer, request) => wire.sendRangeAsk(peer, request, Ask.List, rest), {
      list: (theirs) => {
        if (theirs.end < from || theirs.end > rest.to || theirs.hashes.length > MAX_HASHES) return false;
        if (theirs.hashes.length > 0 && theirs.hashes[0] < from) return false;
        this.pageEnd = theirs.end;
        this.listOwn({ ...rest, to: theirs.end }, theirs);
        return true;
      },
    });
  }

  private listOwn(page: HashRange, theirs: RangeList): void {
    const { store, summaries } = this.session.ground;
    this.session.work((jobDone) => {
      listRange(store, summaries, page, Number.POSITIVE_INFINITY, (error, ours) => {
        jobDone(0, ours.hashes.length * LISTED);
        if (error !== null) this.session.fail(`the disk could not be read: ${error.message}`);
        else if (!this.session.closed) this.compare(sumsOf(ours), sumsOf(theirs));
      });
    });
  }

  private compare(ours: Map<number, Sum>, theirs: ReadonlyMap<number, Sum>): void {
    this.differing = new Map();
    for (const [hash, sum] of theirs) {
      if (!same(ours.get(hash) ?? NOTHING, sum)) this.differing.set(hash, sum);
      ours.delete(hash);
    }
    const { way } = this.session.plan;
    const wanted = way === 'push' ? [] : sorted(this.differing);
    if (way !== 'pull') for (const hash of ours.keys()) this.differing.set(hash, NOTHING);
    this.session.progress.keysDiffering += this.differing.size;
    this.fetchRecords(wanted);
  }

  private fetchRecords(wanted: readonly number[]): void {
    if (wanted.length === 0)
      return this.session.plan.way === 'pull' ? this.pageDone() : this.push(sorted(this.differing));
    this.session.askRecords(
      (wire, peer, request) => wire.sendRangeAsk(peer, request, Ask.Some, this.range, wanted),
      {
        record: (sent) => this.take(sent),
        end: (_records, upTo) => {
          const rest = wanted.filter((hash) => hash > upTo);
          // It has to come on, or it would never end.
          if (rest.length === wanted.length) return false;
          this.whenTaken(() => this.fetchRecords(rest));
          return true;
        },
      },
    );
  }

  /** Without lists: we have nothing, or there is little. */
  private fetchAll(from: number): void {
    const rest = { ...this.range, from };
    const { progress } = this.session;
    this.session.askRecords((wire, peer, request) => wire.sendRangeAsk(peer, request, Ask.All, rest), {
      record: (sent) => this.take(sent, () => progress.keysDiffering++),
      end: (_records, upTo) => {
        if (upTo < from || upTo > rest.to) return false;
        this.whenTaken(() => (upTo === rest.to ? this.done() : this.fetchAll(upTo + 1)));
        return true;
      },
    });
  }

  private take({ db, slot, key, record }: SentRecord, whenNew: () => void = () => {}): boolean {
    if (db !== this.range.db || slot !== this.range.slot) return false;
    this.taking++;
    this.session.ground.intake.take(db, slot, key, record, (taken) => {
      this.taking--;
      this.session.took(taken);
      if (taken !== 'same') whenNew();
      this.goOnWhenTaken();
    });
    return true;
  }

  private whenTaken(goOn: () => void): void {
    this.afterTaking = goOn;
    this.goOnWhenTaken();
  }

  private goOnWhenTaken(): void {
    if (this.taking > 0 || this.afterTaking === null || this.session.closed) return;
    const goOn = this.afterTaking;
    this.afterTaking = null;
    goOn();
  }

  /** Ours of these, as far as the peer's are not the same. */
  private push(hashes: readonly number[]): void {
    if (hashes.length === 0) return this.pageDone();
    const differs = (hash: number, found: readonly Found[]): boolean =>
      !same(this.sumOf(hash, found), this.differing.get(hash)!);
    this.send(around(this.range, hashes), new Set(hashes), differs, (upTo) =>
      this.push(hashes.filter((hash) => hash > upTo)),
    );
  }

  /** The peer has nothing: no lists are needed. */
  private pushAll(from: number): void {
    const rest = { ...this.range, from };
    this.send(
      rest,
      null,
      () => {
        this.session.progress.keysDiffering++;
        return true;
      },
      (upTo) => (upTo === rest.to ? this.done() : this.pushAll(upTo + 1)),
    );
  }

  /** Pushes records of a range that `isDue`, about as many as may be under way; `next` is told up to which hash. */
  private send(
    range: HashRange,
    wanted: ReadonlySet<number> | null,
    isDue: (hash: number, found: readonly Found[]) => boolean,
    next: (upTo: number) => void,
  ): void {
    const { ground, peer, progress } = this.session;
    const { db, slot } = range;
    const request = this.session.nextRequest();
    let records = 0;
    let bytes = 0;
    let upTo = range.to;
    const visit = (hash: number, found: readonly Found[]): boolean => {
      if (this.session.closed) return false;
      if (!isDue(hash, found)) return true;
      for (const one of found) {
        const sent = ground.wire.sendRecord(peer, { request, pushed: true, db, slot, ...one });
        bytes += sent;
        if (sent > 0) records++;
        else progress.keysFailed++;
      }
      if (bytes < RECORD_BYTES && records < RECORDS_AT_ONCE) return true;
      upTo = hash;
      return false;
    };
    this.session.work((jobDone) => {
      walkHashes(ground.store, range, wanted, visit, (error) => {
        jobDone(bytes, records);
        if (error !== null) this.session.fail(`the disk could not be read: ${error.message}`);
        else if (records > 0) this.endPush(request, records, () => next(upTo));
        else if (!this.session.closed) next(upTo);
      });
    });
  }

  private endPush(request: number, records: number, next: () => void): void {
    this.session.ask(
      (wire, peer) => wire.sendEnd(peer, request, End.Pushed, records),
      {
        end: (safe, changed) => {
          if (safe > records || changed > records) return false;
          this.session.progress.keysSent += changed;
          this.session.progress.keysFailed += records - safe;
          next();
          return true;
        },
      },
      request,
    );
  }

  private pageDone(): void {
    if (this.pageEnd < this.range.to) this.nextPage(this.pageEnd + 1);
    else this.done();
  }

  private sumOf(hash: number, found: readonly Found[]): Sum {
    const { trees } = this.session.ground.summaries;
    let a = 0;
    let b = 0;
    for (const { record } of found) {
      a = (a + trees.hashA(this.range.db, hash, record)) >>> 0;
      b = (b + trees.hashB(this.range.db, hash, record)) >>> 0;
    }
    return { a, b };
  }
}

function sumsOf({ hashes, a, b }: RangeList): Map<number, Sum> {
  return new Map(hashes.map((hash, i) => [hash, { a: a[i], b: b[i] }]));
}

function sorted(byHash: ReadonlyMap<number, Sum>): number[] {
  return [...byHash.keys()].sort((x, y) => x - y);
}
