/**
 * The union of JSON arrays: every element of any of them once, in the order in which they came, oldest version first. Elements keep
 * their text, so no number loses a digit; two are the same when they are written the same but for blanks. Null when a value is no array.
 */
export function unionOfArrays(newestFirst: readonly string[]): string | null {
  const elements = new Set<string>();
  for (let i = newestFirst.length - 1; i >= 0; i--) {
    const found = elementsOf(newestFirst[i]);
    if (found === null) return null;
    for (const element of found) elements.add(element);
  }
  return `[${[...elements].join(',')}]`;
}

/** The elements' texts without the blanks between their tokens; null when it is no JSON array. */
function elementsOf(text: string): string[] | null {
  try {
    if (!Array.isArray(JSON.parse(text))) return null;
  } catch {
    return null;
  }
  const elements: string[] = [];
  let element = '';
  let depth = 0;
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"|[[\]{},:]|[^\s"[\]{},:]+/g)) {
    const opens = token === '[' || token === '{';
    const closes = token === ']' || token === '}';
    if (closes) depth--;
    const between = depth === 1 && token === ',';
    if (between || (closes && depth === 0)) {
      if (element !== '') elements.push(element);
      element = '';
    } else if (depth > 0) element += token;
    if (opens) depth++;
  }
  return elements;
}
