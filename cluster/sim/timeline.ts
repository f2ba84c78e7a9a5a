import { Describer } from './describe-message.js';
import type { Parcel } from './sim-connection.js';

/** What happened to one key, told in lines: who asked what, which messages went where, what went wrong in the world. */
export class Timeline {
  private readonly lines: { readonly at: number; readonly text: string }[] = [];
  private readonly describer = new Describer();

  constructor(
    private readonly key: string,
    private readonly now: () => number,
  ) {}

  /** Something that concerns these keys; every key when there are none named. */
  tell(text: string, keys?: readonly string[]): void {
    if (keys === undefined || keys.includes(this.key)) this.lines.push({ at: this.now(), text });
  }

  parcel(from: string, to: string, parcel: Parcel): void {
    if (parcel.kind !== 'frame') return;
    for (const { text, keys } of this.describer.frame(nameOf(from), nameOf(to), parcel.bytes))
      this.tell(text, keys);
  }

  /** The last `most` lines, with times in seconds. */
  text(most: number): string {
    const left = this.lines.length - most;
    const told = this.lines.slice(Math.max(0, left)).map(({ at, text }) => {
      return `${(at / 1000).toFixed(4).padStart(10)}  ${text}`;
    });
    return [...(left > 0 ? [`(${left} lines before)`] : []), ...told].join('\n');
  }
}

/** Without the port. */
export function nameOf(address: string): string {
  return address.split(':')[0];
}
