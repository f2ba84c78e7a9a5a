/** Redis's `validateClientAttr`: printable ASCII without space, so that a line of CLIENT LIST stays parseable. */
export function isPlainWord(text: string): boolean {
  return /^[!-~]*$/.test(text);
}

export const BAD_NAME = 'ERR Client names cannot contain spaces, newlines or special characters.';
