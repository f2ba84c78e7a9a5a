import { describe, expect, it } from 'vitest';
import { Lives, outlivedBy } from './lives.js';
import type { Greeting } from './membership.js';

function greeting(life: number, boot: number, incarnation = 0): Greeting {
  return { nodeId: 'a', life, boot, incarnation } as Greeting;
}

describe('the lives of a node, as another remembers them', () => {
  it('lets in a node never met, the same life again, and every later one', () => {
    const lives = new Lives();
    for (const one of [greeting(3, 30), greeting(3, 30), greeting(4, 40), greeting(9, 90)]) {
      expect(lives.objection(one)).toBeNull();
      lives.met(one, []);
    }
  });

  it('keeps out an earlier life, and another of the same count, and says what they have to go beyond', () => {
    const lives = new Lives();
    lives.met(greeting(4, 40, 2), []);
    for (const one of [greeting(3, 30), greeting(4, 41)]) {
      const reason = lives.objection(one);
      expect(outlivedBy(reason ?? '')).toEqual({ life: 4, incarnation: 2 });
    }
  });

  it('tells what is news, and remembers it over a restart', () => {
    const lives = new Lives();
    expect(lives.met(greeting(4, 40), [])).toBe(true);
    expect(lives.met(greeting(4, 40), [])).toBe(false);
    const again = new Lives(JSON.parse(JSON.stringify(lives.all)));
    expect(again.met(greeting(4, 40), [])).toBe(false);
    expect(again.objection(greeting(3, 30))).not.toBeNull();
  });

  it('forgets the one not met for longest when there are too many', () => {
    const lives = new Lives();
    for (let i = 0; i < 5000; i++) lives.met({ ...greeting(1, i), nodeId: `n${i}` }, []);
    expect(Object.keys(lives.all)).toHaveLength(4096);
    expect(lives.objection({ ...greeting(0, 0), nodeId: 'n4999' })).not.toBeNull();
  });

  it('forgets no member as long as there is anybody else', () => {
    const lives = new Lives();
    const members = [{ nodeId: 'n0' }, { nodeId: 'n2' }];
    for (let i = 0; i < 4099; i++) lives.met({ ...greeting(1, i), nodeId: `n${i}` }, members);
    const known = Object.keys(lives.all);
    expect(known).toHaveLength(4096);
    expect(known.slice(0, 3)).toEqual(['n0', 'n2', 'n5']);
    const all = known.map((nodeId) => ({ nodeId }));
    lives.met({ ...greeting(1, 0), nodeId: 'another' }, all);
    expect(Object.keys(lives.all).slice(0, 2)).toEqual(['n2', 'n5']);
  });

  it('takes no other refusal for this one', () => {
    expect(outlivedBy('setting replicas must be the same on all nodes')).toBeUndefined();
  });
});
