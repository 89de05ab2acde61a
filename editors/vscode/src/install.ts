// Installs the server into a private virtual environment, once the user has said yes. Uses pip and a Python of the
// machine; takes nothing of ours from a package index, because the wheel of the server travels in this extension.

import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { promisify } from 'node:util';
import type * as vscode from 'vscode';

import { executable, STAMP, which } from './server';

const OLDEST: readonly [number, number] = [3, 11];
const NEWEST_TRIED = 15;
const LOCK = 'installing';
const WINDOWS = process.platform === 'win32';

/** A reason that the user can do something about, and what. */
export class InstallProblem extends Error {
  constructor(
    sentence: string,
    readonly link?: { readonly title: string; readonly url: string },
  ) {
    super(sentence);
  }
}

export interface Installation {
  /** The environment's folder; it carries the version in its name. */
  readonly folder: string;
  /** Folder of the wheels in this extension. */
  readonly wheels: string;
  readonly log: (line: string) => void;
  readonly report: (sentence: string) => void;
  readonly token: vscode.CancellationToken;
}

/** Makes the environment. False: the user cancelled, and nothing is left behind. Throws InstallProblem. */
export async function install(job: Installation): Promise<boolean> {
  const wheels = fs.existsSync(job.wheels) ? fs.readdirSync(job.wheels) : [];
  const wheel = wheels.find((name) => /^codehearth-.*\.whl$/.test(name));
  if (!wheel) {
    throw new InstallProblem(
      'This build of the extension carries no server. Install codehearth yourself and put it on PATH, or name it in ' +
        'the setting codehearth.server.command.',
    );
  }
  job.report('looking for Python');
  const python = await findPython();
  if (!wheels.some((name) => name.startsWith('llama_cpp_python-'))) {
    checkCompiler();
  }
  const release = lock(job.folder);
  try {
    fs.rmSync(job.folder, { recursive: true, force: true });
    job.report('making a virtual environment');
    await run(job, python, ['-I', '-m', 'venv', job.folder], (tail) => {
      const remedy = /ensurepip|venv/.test(tail) ? ' On Debian and Ubuntu: apt install python3-venv.' : '';
      return new InstallProblem(`Python could not make a virtual environment.${remedy} The log says more.`);
    });
    const words = ['-I', '-m', 'pip', 'install', '--verbose', '--no-input', '--disable-pip-version-check'];
    await run(
      job,
      executable(job.folder, 'python'),
      [...words, '--find-links', job.wheels, path.join(job.wheels, wheel)],
      (tail) => new InstallProblem(pipProblem(tail)),
    );
    fs.writeFileSync(path.join(job.folder, STAMP), wheel);
    return true;
  } catch (error) {
    fs.rmSync(job.folder, { recursive: true, force: true });
    if (error instanceof Cancelled) {
      return false;
    }
    throw error;
  } finally {
    release();
  }
}

/** Ends what is being installed: this window closes. */
export function abandon(): void {
  running.forEach(end);
}

const running = new Set<ChildProcess>();

/** Whether another window is installing into this folder now. */
export function isBeingInstalled(folder: string): boolean {
  try {
    process.kill(Number(fs.readFileSync(`${folder}.${LOCK}`, 'utf8')), 0);
    return true;
  } catch {
    return false;
  }
}

/** The newest suitable Python on PATH. */
async function findPython(): Promise<string> {
  const versions = Array.from({ length: NEWEST_TRIED - OLDEST[1] + 1 }, (_, step) => `python3.${NEWEST_TRIED - step}`);
  const names = WINDOWS ? ['python', 'python3'] : [...versions, 'python3', 'python'];
  let old: string | undefined;
  for (const name of names) {
    const file = which(name);
    const version = file && (await versionOf(file));
    if (!file || !version) {
      continue;
    }
    if (version[0] > OLDEST[0] || (version[0] === OLDEST[0] && version[1] >= OLDEST[1])) {
      return file;
    }
    old ??= `Python ${version.join('.')} (${file}) is too old.`;
  }
  throw new InstallProblem(
    `codehearth needs Python ${OLDEST.join('.')} or newer. ${old ?? 'There is no Python on PATH.'} ` +
      'Install one, restart the editor, and run “codehearth: Install Server”.',
    { title: 'Get Python', url: 'https://www.python.org/downloads/' },
  );
}

async function versionOf(python: string): Promise<[number, number] | undefined> {
  try {
    const code = 'import sys; print(*sys.version_info[:2])';
    const { stdout } = await promisify(execFile)(python, ['-I', '-c', code], { timeout: 10_000, cwd: path.dirname(python) });
    const [major, minor] = stdout.trim().split(' ').map(Number);
    return major !== undefined && minor !== undefined ? [major, minor] : undefined;
  } catch {
    return undefined; // A launcher that leads to a shop, or a broken installation: as if it were not there.
  }
}

/** llama.cpp is compiled while it is installed. On Windows the build finds compilers that are not on PATH. */
function checkCompiler(): void {
  const chosen = process.env['CXX']?.split(' ')[0];
  const names = [chosen, 'c++', 'g++', 'clang++'].filter((name): name is string => Boolean(name));
  if (!WINDOWS && !names.some((name) => (path.isAbsolute(name) ? fs.existsSync(name) : which(name)))) {
    throw new InstallProblem(
      'There is no C++ compiler on PATH, and llama.cpp has to be compiled once. Install one (Debian, Ubuntu: apt ' +
        'install g++; Fedora: dnf install gcc-c++; macOS: xcode-select --install) and run “codehearth: Install Server”.',
    );
  }
}

function pipProblem(tail: string): string {
  if (/No matching distribution|Temporary failure in name resolution|ConnectionError|Max retries/.test(tail)) {
    return 'The libraries of the server could not be downloaded. Check the connection (or pip’s own configuration) and run “codehearth: Install Server” again. The log says more.';
  }
  if (/CMake|llama[-_]cpp/i.test(tail)) {
    return 'llama.cpp could not be compiled. The log says why; when that is mended, run “codehearth: Install Server” again.';
  }
  return 'The server could not be installed. The log says why; when that is mended, run “codehearth: Install Server” again.';
}

class Cancelled extends Error {}

/** Runs to the end, logs all that it prints, and reports its steps. Rejects with Cancelled or the problem. */
function run(job: Installation, command: string, words: string[], problem: (tail: string) => InstallProblem): Promise<void> {
  const environment = { ...process.env };
  for (const name of ['PYTHONHOME', 'PYTHONPATH', 'VIRTUAL_ENV', 'PIP_USER', 'PIP_TARGET', 'PIP_REQUIRE_VIRTUALENV']) {
    delete environment[name];
  }
  return new Promise((resolve, reject) => {
    // Not in the workspace, where a file called `struct.py` would be imported; in a group of its own, to end compilers.
    const child = spawn(command, words, {
      cwd: path.dirname(job.folder),
      env: environment,
      detached: !WINDOWS,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    running.add(child);
    let tail = '';
    let rest = '';
    const hear = (chunk: Buffer) => {
      const lines = (rest + chunk.toString()).split(/\r?\n/);
      rest = lines.pop() ?? '';
      for (const line of lines) {
        job.log(line);
        tail = `${tail}\n${line}`.slice(-4000);
        const step = stepOf(line);
        if (step) {
          job.report(step);
        }
      }
    };
    child.stdout.on('data', hear);
    child.stderr.on('data', hear);
    const cancelling = job.token.onCancellationRequested(() => end(child));
    child.on('error', (error) => {
      cancelling.dispose();
      running.delete(child);
      job.log(String(error));
      reject(problem(String(error)));
    });
    child.on('close', (code) => {
      cancelling.dispose();
      running.delete(child);
      if (job.token.isCancellationRequested) {
        reject(new Cancelled());
      } else if (code === 0) {
        resolve();
      } else {
        reject(problem(tail));
      }
    });
    if (job.token.isCancellationRequested) {
      end(child);
    }
  });
}

/** What a line of pip says for a person: `[17/120]` of a build, or which library it is at. */
export function stepOf(line: string): string | undefined {
  const build = /^\s*\[(\d+)\/(\d+)\]/.exec(line);
  if (build) {
    return `compiling llama.cpp, ${Math.floor((100 * Number(build[1])) / Number(build[2]))} %`;
  }
  const library = /^\s*(?:Collecting|Downloading|Building wheel for) ([\w.-]+)/.exec(line);
  if (library) {
    return line.trimStart().startsWith('Building') ? `building ${library[1]}` : `fetching ${library[1]}`;
  }
  return /^\s*Installing collected packages/.test(line) ? 'copying files' : undefined;
}

function end(child: ChildProcess): void {
  if (child.pid === undefined) {
    return;
  }
  try {
    if (WINDOWS) {
      execFileSync('taskkill', ['/pid', String(child.pid), '/t', '/f']);
    } else {
      process.kill(-child.pid, 'SIGTERM');
    }
  } catch {
    // It has ended by itself.
  }
}

/** Keeps other windows out. Returns what releases the folder. */
function lock(folder: string): () => void {
  fs.mkdirSync(path.dirname(folder), { recursive: true });
  const file = `${folder}.${LOCK}`;
  if (isBeingInstalled(folder)) {
    throw new InstallProblem('Another window is installing the server already. It will be used here when it is there.');
  }
  fs.writeFileSync(file, String(process.pid));
  return () => fs.rmSync(file, { force: true });
}
