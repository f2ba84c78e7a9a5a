import { writePages } from './generate.js';

writePages();
