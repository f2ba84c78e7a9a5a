import { z } from 'zod';
import { type PolicyRule, parseRules, RULES_ALLOWED } from '../policies/rules.js';

/** The kinds of settings: text in (from a flag, a file, the environment or CONFIG SET), a typed value out, text back. */
export interface Kind<T> {
  readonly schema: z.ZodType<T>;
  /** What is allowed, for error messages and the reference page. */
  readonly allowed: string;
  /** What CONFIG SET says of a text that is not allowed, in Redis's words. */
  objection(text: string): string;
  print(value: T): string;
}

const UNITS: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  k: 1000,
  kb: 1024,
  m: 1000 ** 2,
  mb: 1024 ** 2,
  g: 1000 ** 3,
  gb: 1024 ** 3,
};

const WHOLE_NUMBER = /^-?\d{1,15}$/;

function between(min: number, max: number): string {
  return `argument must be between ${min} and ${max} inclusive`;
}

export function integer(min: number, max: number): Kind<number> {
  const allowed = `a whole number from ${min} to ${max}`;
  const schema = z
    .string()
    .regex(WHOLE_NUMBER, allowed)
    .transform(Number)
    .refine((n) => n >= min && n <= max, allowed);
  const objection = (text: string): string =>
    WHOLE_NUMBER.test(text) ? between(min, max) : "argument couldn't be parsed into an integer";
  return { schema, allowed, objection, print: String };
}

/** A number with a decimal point, or without. */
export function decimal(min: number, max: number): Kind<number> {
  const allowed = `a number from ${min} to ${max}`;
  const schema = z
    .string()
    .regex(/^\d{1,9}(\.\d{1,9})?$/, allowed)
    .transform(Number)
    .refine((n) => n >= min && n <= max, allowed);
  return { schema, allowed, objection: mustBe(allowed), print: String };
}

/** Bytes, with Redis's units: k, kb, m, mb, g, gb. */
export function memory(min: number, max: number): Kind<number> {
  const allowed = `a size from ${min} to ${max} bytes, such as 512mb`;
  const schema = z
    .string()
    .transform((text, context) => {
      const bytes = parseBytes(text);
      if (bytes !== undefined) return bytes;
      context.addIssue({ code: 'custom', message: allowed });
      return z.NEVER;
    })
    .refine((n) => n >= min && n <= max, allowed);
  const objection = (text: string): string =>
    parseBytes(text) === undefined ? 'argument must be a memory value' : between(min, max);
  return { schema, allowed, objection, print: String };
}

function parseBytes(text: string): number | undefined {
  const parts = /^(\d{1,15})([a-z]*)$/.exec(text.toLowerCase());
  const unit = parts === null ? undefined : UNITS[parts[2]];
  return parts === null || unit === undefined ? undefined : Number(parts[1]) * unit;
}

export function oneOf<T extends string>(...names: readonly T[]): Kind<T> {
  const allowed = names.join(', ');
  const schema = z
    .string()
    .transform((text) => text.toLowerCase())
    .refine((text): text is T => (names as readonly string[]).includes(text), allowed);
  const objection = (): string => `argument(s) must be one of the following: ${allowed}`;
  return { schema, allowed, objection, print: (value) => value };
}

/** What is allowed of a setting that is on or off. */
export const YES_NO = 'yes, no';

export function yesNo(): Kind<boolean> {
  const { schema } = oneOf('yes', 'no');
  return {
    schema: schema.transform((text) => text === 'yes'),
    allowed: YES_NO,
    objection: () => "argument must be 'yes' or 'no'",
    print: (value) => (value ? 'yes' : 'no'),
  };
}

function mustBe(allowed: string): () => string {
  return () => `argument must be ${allowed}`;
}

export function text(allowed = 'any text', pattern = /^/): Kind<string> {
  return {
    schema: z.string().regex(pattern, allowed),
    allowed,
    objection: mustBe(allowed),
    print: (value) => value,
  };
}

/** A number of replicas or a level's name. */
export function level(): Kind<string> {
  const allowed = 'one, two, quorum, all or a number of replicas';
  const schema = z
    .string()
    .transform((name) => name.toLowerCase())
    .refine((name) => /^(one|two|quorum|all|[1-9]\d{0,2})$/.test(name), allowed);
  return { schema, allowed, objection: mustBe(allowed), print: (value) => value };
}

/** Which keys have which conflict policy. */
export function policyTable(): Kind<readonly PolicyRule[]> {
  const allowed = RULES_ALLOWED;
  const schema = z
    .string()
    .transform(parseRules)
    .refine((rules) => rules !== undefined, allowed);
  const print = (rules: readonly PolicyRule[]): string =>
    rules.flatMap(({ pattern, policy }) => [pattern, policy].map(printWord)).join(' ');
  return { schema, allowed, objection: mustBe(allowed), print };
}

function printWord(word: string): string {
  return /\s/.test(word) ? `"${word}"` : word;
}

/** `host:port`, separated by commas. */
export function addresses(): Kind<readonly string[]> {
  const allowed = 'host:port, separated by commas';
  const schema = z
    .string()
    .transform((list) => (list.trim() === '' ? [] : list.split(',').map((one) => one.trim())))
    .refine(
      (list) => list.every((one) => /^\S+:\d{1,5}$/.test(one) && Number(one.split(':').at(-1)) < 65536),
      allowed,
    );
  return { schema, allowed, objection: mustBe(allowed), print: (value) => value.join(',') };
}
