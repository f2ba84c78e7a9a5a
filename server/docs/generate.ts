import { mkdirSync, writeFileSync } from 'node:fs';
import { commandsPage } from './commands-page.js';
import { settingsPage } from './settings-page.js';

/** `npm run docs`: writes the reference pages from the tables; a test holds them to being fresh. */
export const PAGES: Readonly<Record<string, () => string>> = {
  'docs/commands.md': commandsPage,
  'docs/settings.md': settingsPage,
};

/** Writes all pages below the current folder. */
export function writePages(): void {
  mkdirSync('docs', { recursive: true });
  for (const [path, page] of Object.entries(PAGES)) writeFileSync(path, page());
}
