import type { Random } from '../environment.js';

/** At most `count` different elements, each as likely as any other. Takes the list apart. */
export function sample<T>(list: T[], count: number, random: Random): T[] {
  const chosen: T[] = [];
  while (chosen.length < count && list.length > 0) {
    const at = Math.floor(random.next() * list.length);
    chosen.push(list[at]);
    list[at] = list[list.length - 1];
    list.pop();
  }
  return chosen;
}
