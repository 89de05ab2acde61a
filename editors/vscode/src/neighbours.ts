// Other extensions that show ghost text. Says once that two of them share one line; never touches them.

import * as vscode from 'vscode';

const DISMISSED = 'neighbours.dismissed';

const OTHERS: Readonly<Record<string, string>> = {
  'GitHub.copilot': 'GitHub Copilot',
  'Codeium.codeium': 'Windsurf',
  'TabNine.tabnine-vscode': 'Tabnine',
  'Supermaven.supermaven': 'Supermaven',
  'Continue.continue': 'Continue',
  'TabbyML.vscode-tabby': 'Tabby',
  'ggml-org.llama-vscode': 'llama.vscode',
  'rjmacarthy.twinny': 'twinny',
  'AmazonWebServices.amazon-q-vscode': 'Amazon Q',
  'google.geminicodeassist': 'Gemini Code Assist',
};

/** One hint where another provider of ghost text is installed and enabled, until the user has had enough of it. */
export async function hint(memory: vscode.Memento): Promise<void> {
  const active = Object.entries(OTHERS).find(([id]) => vscode.extensions.getExtension(id) !== undefined);
  if (!active || memory.get(DISMISSED)) {
    return;
  }
  const [id, name] = active;
  const manage = `Show ${name}`;
  const never = 'Do Not Show Again';
  const choice = await vscode.window.showInformationMessage(
    `${name} is active, too. VS Code shows one ghost text at a time, so you will see whichever answers first. ` +
      'Disable one of the two to know whose suggestions you see.',
    manage,
    never,
  );
  if (choice === manage) {
    await vscode.commands.executeCommand('workbench.extensions.search', `@installed ${id}`);
  } else if (choice === never) {
    await memory.update(DISMISSED, true);
  }
}
