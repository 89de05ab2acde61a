// The connection to one server: starts it, starts it again when it dies, and gives up with one message, never a storm.

import * as vscode from 'vscode';
import {
  CloseAction,
  ErrorAction,
  LanguageClient,
  type LanguageClientOptions,
  RevealOutputChannelOn,
  TransportKind,
} from 'vscode-languageclient/node';

import type { Command } from './server';
import { SECTION, type ServerSettings } from './settings';
import { local, type Status } from './status';

const START_SECONDS = 30;
const CRASHES = 3;
const CRASH_WINDOW_MS = 180_000;
const LAST_WORDS = 4000;

/** What is told to whoever owns the connection. */
export interface Listener {
  status(status: Status): void;
  running(version: string | undefined): void;
  /** The one message: the server cannot be started, or ended too often. It is not tried again by itself. */
  gaveUp(sentence: string): void;
}

/** Never pops up by itself: whatever a person must know comes through the listener, once. */
class QuietClient extends LanguageClient {
  override error(message: string, data?: unknown, show?: boolean | 'force'): void {
    super.error(message, data, show === 'force' ? false : show);
  }
}

export class Connection implements vscode.Disposable {
  private client: QuietClient | undefined;
  private crashes: number[] = [];
  private again: NodeJS.Timeout | undefined;
  private disposed = false;
  /** The end of what the server wrote to its standard error. */
  private lastWords = '';

  /** `folder`: where the server runs; not the workspace, from which Python would import. */
  constructor(
    private readonly command: Command,
    private readonly folder: string,
    private readonly settings: ServerSettings,
    private readonly log: vscode.LogOutputChannel,
    private readonly listener: Listener,
  ) {}

  async start(): Promise<void> {
    this.listener.status(local('starting', 'Starting the server.'));
    const client: QuietClient = new QuietClient(SECTION, 'codehearth', this.executable(), this.options(() => this.client === client));
    this.client = client;
    this.lastWords = '';
    client.onNotification('codehearth/status', (status: Status) => {
      if (this.client === client) {
        this.listener.status(status);
      }
    });
    try {
      await within(START_SECONDS, client.start());
    } catch (error) {
      if (this.client === client) {
        this.client = undefined;
        void client.dispose().catch(() => undefined);
        this.log.error(`${this.command.join(' ')} could not be started: ${String(error)}`);
        this.giveUp('The codehearth server could not be started.');
      }
      return;
    }
    if (this.client === client) {
      this.listener.running(client.initializeResult?.serverInfo?.version);
    }
  }

  /** Asks the server; undefined where there is none that runs. */
  async request(method: string, params: unknown): Promise<unknown> {
    return this.client?.isRunning() ? this.client.sendRequest(method, params) : undefined;
  }

  /** Runs a command of the server. */
  async execute(command: string, ...words: unknown[]): Promise<void> {
    await this.request('workspace/executeCommand', { command, arguments: words });
  }

  async stop(): Promise<void> {
    this.disposed = true;
    clearTimeout(this.again);
    const client = this.client;
    this.client = undefined;
    await client?.dispose().catch(() => undefined);
  }

  dispose(): void {
    void this.stop();
  }

  private executable() {
    const [command, ...args] = this.command;
    return { command, args, transport: TransportKind.stdio, options: { cwd: this.folder } };
  }

  private options(current: () => boolean): LanguageClientOptions {
    return {
      documentSelector: [{ scheme: 'file' }, { scheme: 'untitled' }],
      outputChannel: this.log,
      revealOutputChannelOn: RevealOutputChannelOn.Never,
      initializationOptions: () => this.settings.ofUser(),
      // What the server has to say it says through the protocol, too; this tells why one did not get that far.
      stdioOptions: {
        stdout: () => undefined,
        stderr: (stream) =>
          stream.on('data', (chunk: Buffer) => {
            this.lastWords = (this.lastWords + chunk.toString()).slice(-LAST_WORDS);
          }),
      },
      middleware: {
        workspace: {
          configuration: async (params, token, next) => {
            const answers = await next(params, token);
            if (!Array.isArray(answers)) {
              return answers;
            }
            return params.items.map((item, place) =>
              item.section === SECTION ? this.settings.ofWorkspace() : (answers[place] as unknown),
            );
          },
        },
      },
      initializationFailedHandler: () => false,
      errorHandler: {
        error: () => ({ action: ErrorAction.Continue, handled: true }),
        closed: () => {
          if (current()) {
            this.closed();
          }
          return { action: CloseAction.DoNotRestart, handled: true };
        },
      },
    };
  }

  /** The connection is gone. A server that never answered is dealt with where it was started. */
  private closed(): void {
    const client = this.client;
    if (this.disposed || !client?.isRunning()) {
      return;
    }
    this.client = undefined;
    setTimeout(() => void client.dispose().catch(() => undefined), 0);
    const now = Date.now();
    this.crashes = [...this.crashes.filter((then) => now - then < CRASH_WINDOW_MS), now];
    if (this.crashes.length > CRASHES) {
      this.giveUp(`The codehearth server ended ${this.crashes.length} times within a few minutes.`);
      return;
    }
    this.listener.status(local('starting', 'The server ended and is started again.'));
    this.again = setTimeout(() => void this.start(), 500 * 2 ** (this.crashes.length - 1));
  }

  private giveUp(sentence: string): void {
    this.log.error(`${sentence}\n${this.lastWords}`);
    this.listener.status(local('stopped', sentence));
    this.listener.gaveUp(sentence);
  }
}

async function within<T>(seconds: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${seconds} s`)), seconds * 1000);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
