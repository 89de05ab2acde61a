// Renders what the last suggestion was built from, as a read-only page beside the code. Asks the server, changes nothing.

import * as vscode from 'vscode';

/** `completion.query.Explanation` of the server. Milliseconds; counts of tokens; lines from 0, both ends included. */
interface Explanation {
  mode: 'none' | 'line' | 'block';
  snippets: { path: string; text: string; source: string; reason: string; lines: [number, number] | null }[];
  fromCache: boolean;
  reanchored: string | null;
  reused: number;
  evaluated: number;
  generated: number;
  milliseconds: Record<string, number>;
  logprob: number | null;
  silence: string | null;
  detail: string;
  alsoAt: string | null;
  likeAt: string | null;
}

const SCHEME = 'codehearth-why';
const PAGE = vscode.Uri.from({ scheme: SCHEME, path: '/Why this suggestion.md' });

export class WhyPage implements vscode.Disposable {
  private readonly changed = new vscode.EventEmitter<vscode.Uri>();
  private readonly registration: vscode.Disposable;
  private text = '';

  constructor(private readonly ask: (uri: string) => Promise<unknown>) {
    this.registration = vscode.workspace.registerTextDocumentContentProvider(SCHEME, {
      onDidChange: this.changed.event,
      provideTextDocumentContent: () => this.text,
    });
  }

  /** Shows the page for the last answer in this document. */
  async show(document: vscode.TextDocument): Promise<void> {
    const explanation = (await this.ask(document.uri.toString())) as Explanation | null;
    this.text = explanation
      ? render(explanation, vscode.workspace.asRelativePath(document.uri))
      : 'Nothing has been suggested in this document yet. Type in it, or ask for a suggestion, and look again.\n';
    this.changed.fire(PAGE);
    const page = await vscode.workspace.openTextDocument(PAGE);
    await vscode.window.showTextDocument(page, { viewColumn: vscode.ViewColumn.Beside, preserveFocus: true });
  }

  dispose(): void {
    this.registration.dispose();
    this.changed.dispose();
  }
}

function render(why: Explanation, name: string): string {
  const lines = [`# Why: the last suggestion in ${name}`, ''];
  if (why.silence) {
    lines.push(`**Nothing was shown** (${why.silence}). ${why.detail}`, '');
  } else {
    lines.push(`One ${why.mode === 'block' ? 'block' : 'line'} was suggested${origin(why)}.`, '');
  }
  if (why.alsoAt) {
    lines.push(`It also stands in ${why.alsoAt}.`, '');
  } else if (why.likeAt) {
    lines.push(`It stands in ${why.likeAt} with other names.`, '');
  }
  if (why.logprob !== null) {
    lines.push(`The model gave each token a probability of ${Math.round(100 * Math.exp(why.logprob))} % on average.`, '');
  }
  lines.push('## Tokens', '');
  lines.push(`${why.reused} reused, ${why.evaluated} evaluated, ${why.generated} generated.`);
  if (why.reanchored) {
    lines.push(`The prompt was begun anew: ${why.reanchored}.`);
  }
  lines.push('', '## Milliseconds', '', '| step | ms |', '| --- | ---: |');
  for (const [step, duration] of Object.entries(why.milliseconds)) {
    lines.push(`| ${step} | ${duration.toFixed(1)} |`);
  }
  lines.push('', `## Related code in the prompt: ${why.snippets.length}`, '');
  for (const snippet of why.snippets) {
    const where = snippet.lines ? `:${snippet.lines[0] + 1}-${snippet.lines[1] + 1}` : '';
    const fence = '`'.repeat(Math.max(3, longestRun(snippet.text) + 1));
    lines.push(`### ${snippet.path}${where}`, '', `${snippet.source}: ${snippet.reason}`, '');
    lines.push(fence, snippet.text.replace(/\n$/, ''), fence, '');
  }
  return lines.join('\n').trimEnd() + '\n';
}

function origin(why: Explanation): string {
  return why.fromCache ? ', from the cache: the model was not asked again' : '';
}

/** Length of the longest run of backticks, which a fence must exceed. */
function longestRun(text: string): number {
  return Math.max(0, ...(text.match(/`+/g) ?? []).map((run) => run.length));
}
