// Prints the licence of every package that the bundle holds a part of.
import { readdirSync, readFileSync } from 'node:fs';

const { inputs } = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const roots = new Set();
for (const file of Object.keys(inputs)) {
  const found = file.match(/^.*node_modules\/(@[^/]+\/)?[^/]+/);
  if (found) roots.add(found[0].replace(/^web\//, ''));
}
console.log('The page is built with these packages.\n');
for (const root of [...roots].sort()) {
  const { name, version, license } = JSON.parse(readFileSync(`${root}/package.json`, 'utf8'));
  console.log(`=== ${name} ${version} (${license})\n`);
  const file = readdirSync(root).find((f) => /^licen[cs]e/i.test(f));
  console.log(file ? readFileSync(`${root}/${file}`, 'utf8').trim() : 'The package holds no text of its licence.');
  console.log();
}
