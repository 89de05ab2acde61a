// Wires the parts together: which server, its connection, what a person sees and can ask for.

import * as fs from 'node:fs';
import * as path from 'node:path';
import * as vscode from 'vscode';

import { Connection } from './client';
import { abandon, install, InstallProblem, isBeingInstalled } from './install';
import { showMenu } from './menu';
import { hint } from './neighbours';
import { type Command, exists, find, type Found, sibling } from './server';
import { SECTION, serverCommand, ServerSettings, toggleLanguage } from './settings';
import { local, type Status, StatusBar } from './status';
import { WhyPage } from './why';

const DECLINED = 'install.declined';
const PREFER_PRIVATE = 'server.preferPrivate';
const LOOK_AGAIN_MS = 5000;
const SETTLE_MS = 300;

let extension: Extension | undefined;

export function activate(context: vscode.ExtensionContext): void {
  extension = new Extension(context);
  context.subscriptions.push(extension);
  void hint(context.globalState);
  void extension.begin();
}

export async function deactivate(): Promise<void> {
  await extension?.end();
}

class Extension implements vscode.Disposable {
  private readonly log = vscode.window.createOutputChannel('codehearth', { log: true });
  private readonly bar = new StatusBar();
  private readonly why = new WhyPage((uri) => this.ask('codehearth/why', { textDocument: { uri } }));
  private readonly settings: ServerSettings;
  private readonly version: string;
  private readonly subscriptions: vscode.Disposable[] = [this.log, this.bar, this.why];
  private found: Found | undefined;
  private connection: Connection | undefined;
  private settling: NodeJS.Timeout | undefined;
  private looking: NodeJS.Timeout | undefined;
  private installing = false;
  private turn = 0;

  constructor(private readonly context: vscode.ExtensionContext) {
    const manifest = context.extension.packageJSON as ConstructorParameters<typeof ServerSettings>[0] & { version: string };
    this.version = manifest.version;
    this.settings = new ServerSettings(manifest);
    const commands: Record<string, () => unknown> = {
      menu: () => showMenu(this.bar.status, this.canInstall()),
      showWhy: () => this.showWhy(),
      pauseTenMinutes: () => this.connection?.execute('codehearth.pause', 10),
      toggleThisLanguage: () => this.toggleThisLanguage(),
      restart: () => this.begin(),
      showLogs: () => this.log.show(),
      doctor: () => this.doctor(),
      settings: () => vscode.commands.executeCommand('workbench.action.openSettings', `@ext:${context.extension.id}`),
      installServer: () => this.installServer(),
    };
    for (const [name, run] of Object.entries(commands)) {
      this.subscriptions.push(vscode.commands.registerCommand(`${SECTION}.${name}`, run));
    }
    this.subscriptions.push(
      vscode.workspace.onDidChangeConfiguration((event) => {
        if (this.settings.needsRestart(event)) {
          clearTimeout(this.settling);
          this.settling = setTimeout(() => void this.begin(), SETTLE_MS);
        }
      }),
    );
  }

  /** Looks for the server and starts it; asks where there is none. Also starts anew. */
  async begin(): Promise<void> {
    const turn = ++this.turn;
    await this.stop();
    if (turn !== this.turn) {
      return; // Asked for again meanwhile: the last one starts it.
    }
    this.found = find(serverCommand(), this.privateFolder, this.context.globalState.get(PREFER_PRIVATE, false));
    if (!this.found) {
      this.status(local('missing', 'The server is not installed.'));
      this.lookAgain();
      void this.offerInstallation();
      return;
    }
    if (!exists(this.found.command)) {
      const sentence = `The server named in codehearth.server.command does not exist: ${this.found.command[0]}`;
      this.status(local('missing', sentence));
      void this.tell(sentence);
      return;
    }
    this.log.info(`Starting ${this.found.command.join(' ')} (${this.found.origin}).`);
    fs.mkdirSync(this.storage, { recursive: true });
    const connection = new Connection(this.found.command, this.storage, this.settings, this.log, {
      status: (status) => this.status(status),
      running: (version) => this.running(version),
      gaveUp: (sentence) => void this.tell(sentence),
    });
    this.connection = connection;
    await connection.start();
  }

  async end(): Promise<void> {
    this.turn++;
    abandon();
    clearTimeout(this.settling);
    await this.stop();
  }

  dispose(): void {
    this.subscriptions.forEach((each) => each.dispose());
  }

  private async stop(): Promise<void> {
    clearInterval(this.looking);
    this.setRunning(false);
    const connection = this.connection;
    this.connection = undefined;
    await connection?.stop();
  }

  private status(status: Status): void {
    this.bar.show(status);
    if (status.version === null) {
      this.setRunning(false);
    }
  }

  private setRunning(running: boolean): void {
    void vscode.commands.executeCommand('setContext', 'codehearth.running', running);
  }

  private running(version: string | undefined): void {
    this.setRunning(true);
    if (release(version) === release(this.version)) {
      return;
    }
    const sentence =
      `The server is codehearth ${version ?? 'of an unknown version'}, this extension is ${this.version}: ` +
      'they are made for each other only with the same first two numbers. Update the older one.';
    const actions = this.canInstall() && this.found?.origin === 'path' ? ['Install the Matching Server'] : [];
    void vscode.window.showWarningMessage(sentence, ...actions).then((choice) => {
      if (choice) {
        void this.context.globalState.update(PREFER_PRIVATE, true).then(() => this.installServer());
      }
    });
  }

  private async ask(method: string, params: unknown): Promise<unknown> {
    return (await this.connection?.request(method, params)) ?? null;
  }

  // What a person asks for

  private async showWhy(): Promise<void> {
    const document = vscode.window.activeTextEditor?.document;
    if (document && (document.uri.scheme === 'file' || document.uri.scheme === 'untitled')) {
      await this.why.show(document);
    } else {
      void vscode.window.showInformationMessage('Put the cursor into the file whose last suggestion you want explained.');
    }
  }

  private async toggleThisLanguage(): Promise<void> {
    const language = vscode.window.activeTextEditor?.document.languageId;
    if (language) {
      await toggleLanguage(language);
    }
  }

  /** As a task, whose terminal stays open and which no shell has to quote for. */
  private async doctor(): Promise<void> {
    const command: Command | undefined = this.found && exists(this.found.command) ? this.found.command : undefined;
    if (!command) {
      void this.offerInstallation(true);
      return;
    }
    const [file, ...words] = sibling(command, 'doctor');
    const execution = new vscode.ProcessExecution(file, words, { cwd: this.storage });
    const scope = vscode.workspace.workspaceFolders ? vscode.TaskScope.Workspace : vscode.TaskScope.Global;
    const task = new vscode.Task({ type: 'process' }, scope, 'doctor', 'codehearth', execution);
    task.presentationOptions = { focus: true, panel: vscode.TaskPanelKind.Dedicated, clear: true };
    await vscode.tasks.executeTask(task);
  }

  private async tell(sentence: string): Promise<void> {
    const settings = this.found?.origin === 'setting' ? ['Open Settings'] : ['Restart'];
    const choice = await vscode.window.showErrorMessage(sentence, ...settings, 'Show Logs');
    if (choice === 'Open Settings') {
      await vscode.commands.executeCommand('workbench.action.openSettings', 'codehearth.server.command');
    } else if (choice === 'Restart') {
      await this.begin();
    } else if (choice) {
      this.log.show();
    }
  }

  // Installation

  private get storage(): string {
    return this.context.globalStorageUri.fsPath;
  }

  private get privateFolder(): string {
    return path.join(this.storage, `server-${this.version}`);
  }

  private get wheels(): string {
    return path.join(this.context.extensionPath, 'server');
  }

  private canInstall(): boolean {
    return !this.installing && (this.found === undefined || this.found.origin === 'path') && serverCommand() === undefined;
  }

  /** The one question; a no is remembered until the next version, and the menu still offers it. */
  private async offerInstallation(asked = false): Promise<void> {
    if (!asked && (this.context.globalState.get(DECLINED) === this.version || isBeingInstalled(this.privateFolder))) {
      return;
    }
    const compiled = fs.existsSync(this.wheels) && fs.readdirSync(this.wheels).some((name) => name.startsWith('llama_'));
    const choice = await vscode.window.showInformationMessage(
      'codehearth needs its server, which is not on this machine yet. Install it into an environment of its own?' +
        (compiled ? '' : ' Its libraries are downloaded, and llama.cpp is compiled once: 3 to 10 minutes.'),
      'Install',
      'I Have It',
      'Not Now',
    );
    if (choice === 'Install') {
      await this.installServer();
    } else if (choice === 'I Have It') {
      await vscode.commands.executeCommand('workbench.action.openSettings', 'codehearth.server.command');
    } else if (choice) {
      await this.context.globalState.update(DECLINED, this.version);
    }
  }

  private async installServer(): Promise<void> {
    if (this.installing) {
      return;
    }
    this.installing = true;
    clearInterval(this.looking);
    this.status(local('installing', 'The server is being installed.'));
    try {
      const installed = await vscode.window.withProgress(
        { location: vscode.ProgressLocation.Notification, title: 'Installing the codehearth server', cancellable: true },
        (progress, token) =>
          install({
            folder: this.privateFolder,
            wheels: this.wheels,
            log: (line) => this.log.info(line),
            report: (message) => progress.report({ message }),
            token,
          }),
      );
      if (installed) {
        this.removeOlderServers();
        await this.begin();
      } else {
        this.status(local('missing', 'The server is not installed: the installation was cancelled.'));
      }
    } catch (error) {
      this.log.error(error instanceof Error ? error : String(error));
      const sentence = error instanceof InstallProblem ? error.message : `The server could not be installed: ${String(error)}`;
      this.status(local('missing', sentence));
      this.lookAgain();
      const link = error instanceof InstallProblem ? error.link : undefined;
      void vscode.window.showErrorMessage(sentence, ...(link ? [link.title] : []), 'Show Logs').then((choice) => {
        if (choice === 'Show Logs') {
          this.log.show();
        } else if (choice && link) {
          void vscode.env.openExternal(vscode.Uri.parse(link.url));
        }
      });
    } finally {
      this.installing = false;
    }
  }

  /** Another window, or the user in a terminal, may install it meanwhile. */
  private lookAgain(): void {
    clearInterval(this.looking);
    this.looking = setInterval(() => {
      if (!this.installing && find(serverCommand(), this.privateFolder, false)) {
        void this.begin();
      }
    }, LOOK_AGAIN_MS);
  }

  private removeOlderServers(): void {
    for (const name of fs.readdirSync(this.storage)) {
      const folder = path.join(this.storage, name);
      if (/^server-[\d.]+$/.test(name) && folder !== this.privateFolder && !isBeingInstalled(folder)) {
        fs.rm(folder, { recursive: true, force: true }, () => undefined);
      }
    }
  }
}

function release(version: string | undefined): string | undefined {
  return version?.split('.').slice(0, 2).join('.');
}
