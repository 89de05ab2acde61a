// How the server is, as a person sees it in the status bar. Shows what it is told; decides and starts nothing.

import * as vscode from 'vscode';

import { isOff } from './settings';

/** The server's `codehearth/status`, and what only the extension can know: missing, installing, stopped. */
export interface Status {
  readonly state:
    | 'starting' | 'indexing' | 'loading' | 'ready' | 'paused' | 'off' | 'error'
    | 'missing' | 'installing' | 'stopped';
  readonly busy: boolean;
  readonly message: string;
  readonly silence: string | null;
  readonly model: string | null;
  readonly version: string | null;
}

/** A state of the extension itself. */
export function local(state: 'starting' | 'missing' | 'installing' | 'stopped', message: string): Status {
  const busy = state === 'starting' || state === 'installing';
  return { state, busy, message, silence: null, model: null, version: null };
}

/** Work shorter than this is not shown: an answer comes with every key, and the icon must not flicker. */
const SPINNER_AFTER_MS = 250;

const ICONS: Record<Status['state'], string> = {
  starting: 'loading~spin',
  indexing: 'sparkle',
  loading: 'loading~spin',
  ready: 'sparkle',
  paused: 'debug-pause',
  off: 'circle-slash',
  error: 'warning',
  missing: 'cloud-download',
  installing: 'loading~spin',
  stopped: 'warning',
};

export class StatusBar implements vscode.Disposable {
  private readonly item = vscode.window.createStatusBarItem('codehearth.status', vscode.StatusBarAlignment.Right, 100);
  private readonly subscriptions: vscode.Disposable[];
  private spinner: NodeJS.Timeout | undefined;
  private spinning = false;
  private current = local('starting', 'Starting.');

  constructor() {
    this.item.name = 'codehearth';
    this.item.command = 'codehearth.menu';
    this.subscriptions = [
      this.item,
      vscode.window.onDidChangeActiveTextEditor(() => this.draw()),
      vscode.workspace.onDidChangeConfiguration(() => this.draw()),
    ];
    this.draw();
    this.item.show();
  }

  get status(): Status {
    return this.current;
  }

  show(status: Status): void {
    this.current = status;
    if (!status.busy) {
      clearTimeout(this.spinner);
      this.spinner = undefined;
      this.spinning = false;
    } else if (this.spinner === undefined) {
      this.spinner = setTimeout(() => {
        this.spinning = true;
        this.draw();
      }, SPINNER_AFTER_MS);
    }
    this.draw();
  }

  dispose(): void {
    clearTimeout(this.spinner);
    this.subscriptions.forEach((each) => each.dispose());
  }

  private draw(): void {
    const status = this.current;
    const off = obstacle(status);
    const icon = off ? ICONS.off : this.spinning ? 'loading~spin' : ICONS[status.state];
    const sentence = off ?? status.message;
    this.item.text = `$(${icon}) codehearth`;
    const troubled = status.state === 'error' || status.state === 'stopped' || status.state === 'missing';
    this.item.backgroundColor = troubled ? new vscode.ThemeColor('statusBarItem.warningBackground') : undefined;
    const model = status.model ? `Model: ${status.model}` : undefined;
    this.item.tooltip = [sentence, model, status.version && `Version ${status.version}`].filter(Boolean).join('\n');
    const label = `codehearth: ${off ? 'off' : status.state}. ${sentence} ${model ?? ''}`.trim();
    this.item.accessibilityInformation = { label, role: 'button' };
  }
}

/** Why nothing is suggested although the server could, or undefined. */
function obstacle(status: Status): string | undefined {
  if (status.version === null) {
    return undefined;
  }
  const editor = vscode.window.activeTextEditor;
  if (!vscode.workspace.getConfiguration('editor', editor?.document).get('inlineSuggest.enabled', true)) {
    return 'VS Code’s own setting editor.inlineSuggest.enabled is off, so no ghost text is shown.';
  }
  if (editor && isOff(editor.document.languageId)) {
    return `Switched off for ${editor.document.languageId}.`;
  }
  return undefined;
}
