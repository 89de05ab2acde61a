// Where the server is: the user's setting, PATH, or the private environment that `install.ts` makes. Starts nothing.

import * as fs from 'node:fs';
import * as path from 'node:path';

/** An executable and its arguments. */
export type Command = readonly [string, ...string[]];

/** A server that was found, and where. */
export interface Found {
  readonly command: Command;
  readonly origin: 'setting' | 'path' | 'private';
}

const WINDOWS = process.platform === 'win32';

/**
 * The server to start, or undefined where there is none. `preferPrivate`: the user has installed one although another
 * stands on PATH.
 */
export function find(setting: string[] | undefined, privateFolder: string, preferPrivate: boolean): Found | undefined {
  if (setting?.[0]) {
    return { command: [setting[0], ...setting.slice(1)], origin: 'setting' };
  }
  const own = fs.existsSync(path.join(privateFolder, STAMP)) ? executable(privateFolder, 'codehearth') : undefined;
  const onPath = which('codehearth');
  if (onPath && !(preferPrivate && own)) {
    return { command: [onPath, 'serve'], origin: 'path' };
  }
  return own ? { command: [own, 'serve'], origin: 'private' } : undefined;
}

/** A file in a private environment that says: the installation was finished. */
export const STAMP = 'codehearth-installed';

/** The command line of another command of the same installation, e.g. `doctor`. */
export function sibling(command: Command, name: string): Command {
  const serve = command.indexOf('serve');
  const [first, ...rest] = serve > 0 ? command.slice(0, serve) : command.filter((word) => word !== '--stdio');
  return [first ?? command[0], ...rest, name];
}

/**
 * The absolute path of an executable on PATH. Entries that are not absolute are skipped: they would be looked up in
 * whatever folder is open, and a repository must not bring its own server.
 */
export function which(name: string): string | undefined {
  const names = WINDOWS ? [`${name}.exe`, `${name}.cmd`, `${name}.bat`] : [name];
  for (const folder of (process.env['PATH'] ?? '').split(path.delimiter).filter((entry) => path.isAbsolute(entry))) {
    for (const candidate of names.map((each) => path.join(folder, each))) {
      if (isExecutable(candidate)) {
        return candidate;
      }
    }
  }
  return undefined;
}

/** The path of a script in a virtual environment. */
export function executable(environment: string, name: string): string {
  return WINDOWS ? path.join(environment, 'Scripts', `${name}.exe`) : path.join(environment, 'bin', name);
}

/** Whether a command can be started at all, as far as can be seen without starting it. */
export function exists(command: Command): boolean {
  return path.isAbsolute(command[0]) ? isExecutable(command[0]) : which(command[0]) !== undefined;
}

function isExecutable(file: string): boolean {
  try {
    fs.accessSync(file, fs.constants.X_OK);
    return fs.statSync(file).isFile();
  } catch {
    return false;
  }
}
