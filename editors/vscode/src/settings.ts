// What the server is told of the settings. Never reads a value that a repository could have put into a user-only one.

import * as vscode from 'vscode';

export const SECTION = 'codehearth';

type Values = Record<string, unknown>;
type Inspection = NonNullable<ReturnType<vscode.WorkspaceConfiguration['inspect']>>;

/** The extension's own settings; the server knows none of these. */
const OWN = new Set([`${SECTION}.server.command`, `${SECTION}.trace.server`]);

/** The settings of the server by who may set them, as its schema in `package.json` says. */
export class ServerSettings {
  private readonly userOnly: string[] = [];
  private readonly others: string[] = [];

  constructor(manifest: { contributes: { configuration: { properties: Record<string, { scope?: string }> } } }) {
    for (const [key, { scope }] of Object.entries(manifest.contributes.configuration.properties)) {
      if (!OWN.has(key)) {
        (scope === 'machine' ? this.userOnly : this.others).push(key.slice(SECTION.length + 1));
      }
    }
  }

  /** For `initializationOptions`: what only the user may set, from the user's own settings file. */
  ofUser(): Values {
    return collect(this.userOnly, (found) => found.globalValue);
  }

  /**
   * For `workspace/configuration`: everything else that somebody set. Defaults stay out, because the server's own
   * configuration file lies below these, and a default of ours must not hide what the user wrote there.
   */
  ofWorkspace(): Values {
    return collect(this.others, (found) => found.workspaceFolderValue ?? found.workspaceValue ?? found.globalValue);
  }

  /** Whether a change is one that a running server does not take: it hears of user-only settings when it starts. */
  needsRestart(event: vscode.ConfigurationChangeEvent): boolean {
    return ['server.command', ...this.userOnly].some((key) => event.affectsConfiguration(`${SECTION}.${key}`));
  }
}

/** `codehearth.server.command`, or undefined where it is empty or not a list of words. */
export function serverCommand(): string[] | undefined {
  const value: unknown = vscode.workspace.getConfiguration(SECTION).inspect('server.command')?.globalValue;
  const words = Array.isArray(value) ? value.filter((word): word is string => typeof word === 'string') : [];
  return words[0] ? words : undefined;
}

export function isOff(language: string): boolean {
  return disabledLanguages().includes(language);
}

/** Switches a language off, or on again, in the user's settings. */
export async function toggleLanguage(language: string): Promise<void> {
  const before = disabledLanguages();
  const after = before.includes(language) ? before.filter((other) => other !== language) : [...before, language];
  await vscode.workspace
    .getConfiguration(SECTION)
    .update('completion.disabledLanguages', after, vscode.ConfigurationTarget.Global);
}

function disabledLanguages(): string[] {
  const value: unknown = vscode.workspace.getConfiguration(SECTION).get('completion.disabledLanguages');
  return Array.isArray(value) ? value.filter((language): language is string => typeof language === 'string') : [];
}

/** `{completion: {mode: …}}` of the dotted keys that have a value. */
function collect(keys: string[], valueOf: (found: Inspection) => unknown): Values {
  const configuration = vscode.workspace.getConfiguration(SECTION);
  const values: Values = {};
  for (const key of keys) {
    const found = configuration.inspect(key);
    const value = found && valueOf(found);
    if (value === undefined) {
      continue;
    }
    const parts = key.split('.');
    let place = values;
    for (const part of parts.slice(0, -1)) {
      place = (place[part] ??= {}) as Values;
    }
    place[parts[parts.length - 1]!] = value;
  }
  return values;
}
