// The menu behind the status bar item. Only offers; what an entry does is done elsewhere.

import * as vscode from 'vscode';

import { isOff } from './settings';
import type { Status } from './status';

interface Entry extends vscode.QuickPickItem {
  readonly run?: string;
}

/** Shows the menu and runs the command that was chosen. */
export async function showMenu(status: Status, canInstall: boolean): Promise<void> {
  const language = vscode.window.activeTextEditor?.document.languageId;
  const running = status.version !== null;
  const entries: Entry[] = [];
  if (running) {
    const reason = status.silence ? { description: status.message } : {};
    entries.push({ label: '$(question) Why this suggestion, or why none?', ...reason, run: 'codehearth.showWhy' });
    entries.push(
      status.state === 'paused'
        ? { label: '$(play) Resume', description: status.message, run: 'codehearth.resume' }
        : { label: '$(debug-pause) Pause for 10 minutes', run: 'codehearth.pauseTenMinutes' },
    );
  }
  if (language) {
    const verb = isOff(language) ? 'on' : 'off';
    entries.push({ label: `$(circle-slash) Turn ${verb} for ${language}`, run: 'codehearth.toggleThisLanguage' });
  }
  if (canInstall) {
    entries.push({ label: '$(cloud-download) Install the server', run: 'codehearth.installServer' });
  }
  entries.push(
    { label: '$(refresh) Restart the server', run: 'codehearth.restart' },
    { label: '$(output) Show logs', run: 'codehearth.showLogs' },
    { label: '$(pulse) Run doctor in a terminal', run: 'codehearth.doctor' },
    { label: '$(gear) Settings', run: 'codehearth.settings' },
  );
  const version = status.version ? ` ${status.version}` : '';
  const title = [`codehearth${version}`, status.model, status.message].filter(Boolean).join(' — ');
  const chosen = await vscode.window.showQuickPick(entries, { title, placeHolder: 'What shall codehearth do?' });
  if (chosen?.run) {
    await vscode.commands.executeCommand(chosen.run);
  }
}
