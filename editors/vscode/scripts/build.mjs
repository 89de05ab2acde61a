// Bundles the extension into out/extension.js, and the licences of all that is in it into out/LICENSES.txt.
import { build } from 'esbuild';
import fs from 'node:fs';
import path from 'node:path';

const { metafile } = await build({
  entryPoints: ['src/extension.ts'],
  outfile: 'out/extension.js',
  bundle: true,
  platform: 'node',
  format: 'cjs',
  target: 'node20',
  external: ['vscode'],
  minify: true,
  legalComments: 'none',
  metafile: true,
  logLevel: 'warning',
});

const folders = new Set(Object.keys(metafile.inputs).flatMap((file) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file) ?? []));
const notices = [...folders].sort().map((folder) => {
  const { name, version, license } = JSON.parse(fs.readFileSync(path.join(folder, 'package.json'), 'utf8'));
  const text = fs.readdirSync(folder).find((file) => /^licen[cs]e/i.test(file));
  if (!text) {
    throw new Error(`${folder} has no licence text.`);
  }
  return `${name} ${version} (${license})\n\n${fs.readFileSync(path.join(folder, text), 'utf8').trim()}\n`;
});
fs.writeFileSync('out/LICENSES.txt', notices.join(`\n${'-'.repeat(80)}\n\n`));
