// Makes dist/codehearth-VERSION.vsix with the server's wheel inside, so that installing it needs no package of ours from
// anywhere. `--wheelhouse FOLDER` (made by `make wheelhouse`) puts the wheels of all dependencies in, too: that VSIX is
// for one platform and installs without a compiler and without a network. PYTHON chooses the interpreter.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

// Our bundle holds the dependencies; the read-me's pictures travel inside, wherever the sources are published.
const OPTIONS = ['--no-dependencies', '--no-rewrite-relative-links', '--allow-missing-repository'];

const here = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const checkout = path.resolve(here, '../..');
process.chdir(here);

const manifest = JSON.parse(fs.readFileSync('package.json', 'utf8'));
const source = fs.readFileSync(path.join(checkout, 'lsp_server/__init__.py'), 'utf8');
const server = /__version__ = "([^"]+)"/.exec(source)?.[1];
const release = (version) => version?.split('.').slice(0, 2).join('.');
if (release(server) !== release(manifest.version)) {
  throw new Error(`The server is ${server} and the extension ${manifest.version}: release them together.`);
}

const own = path.join(checkout, '.venv/bin/python');
const python = process.env.PYTHON ?? (fs.existsSync(own) ? own : 'python3');
fs.rmSync('server', { recursive: true, force: true });
run(python, '-m', 'pip', 'wheel', '--quiet', '--disable-pip-version-check', '--no-deps', '--wheel-dir', 'server', checkout);
const option = process.argv.indexOf('--wheelhouse');
const platform = option > 0 ? ['--target', `${process.platform}-${process.arch}`] : [];
if (option > 0) {
  const house = path.resolve(process.env.INIT_CWD ?? here, process.argv[option + 1] ?? '');
  for (const name of fs.readdirSync(house).filter((name) => name.endsWith('.whl') && !name.startsWith('codehearth-'))) {
    fs.copyFileSync(path.join(house, name), path.join('server', name));
  }
}

fs.copyFileSync(path.join(checkout, 'LICENSE'), 'LICENSE');
run(process.execPath, 'scripts/build.mjs');
fs.mkdirSync('dist', { recursive: true });
const out = `dist/codehearth-${manifest.version}.vsix`;
run(process.execPath, 'node_modules/@vscode/vsce/vsce', 'package', ...OPTIONS, '--out', out, ...platform);

function run(command, ...words) {
  execFileSync(command, words, { stdio: 'inherit' });
}
