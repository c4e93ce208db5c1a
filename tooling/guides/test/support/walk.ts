import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Block } from './page.js';
import { type Project, writeBlock } from './project.js';
import { Terminals, type Typed } from './terminal.js';

/** Follows a guide in a project, block by block. */
export class Walk {
  readonly project: Project;
  readonly terminals: Terminals;
  /** What was done, by use: so that a test can see that nothing was left out. */
  readonly done: Block[] = [];
  #last: Typed | undefined;

  constructor(project: Project, terminals = new Terminals(project.folder, project.env)) {
    this.project = project;
    this.terminals = terminals;
  }

  /**
   * Does what the blocks say.
   *
   * @throws Error when a command ends otherwise than the guide says, or prints something else than it shows.
   */
  async follow(blocks: readonly Block[]): Promise<void> {
    for (const block of blocks) {
      await this.#doBlock(block).catch((cause: Error) => {
        throw new Error(`line ${block.line} of the guide: ${cause.message}`, { cause });
      });
      this.done.push(block);
    }
  }

  async #doBlock(block: Block): Promise<void> {
    if (block.use === 'output') return this.#compare(block.code);
    this.#last = undefined;
    if (block.use === 'file') return this.#putFile(block);
    if (block.code.startsWith("# in the daemon's terminal\n")) return this.terminals.typeForDaemon(block.code);
    this.#last = await this.terminals.type(block.code);
    const [, expected = '0'] = /# exit code (\d+)\n$/.exec(block.code) ?? [];
    if (this.#last.code !== Number(expected))
      throw new Error(
        `ended with ${this.#last.code} instead of ${expected}:\n${this.#last.stdout}${this.#last.stderr}`,
      );
  }

  /** What stands under "Before" is there, until the guide replaces it. */
  #putFile(block: Block): void {
    if (!block.isBefore) writeBlock(this.project.folder, block);
    else if (readFileSync(join(this.project.folder, block.path), 'utf8') !== block.code)
      throw new Error(`${block.path} is not what the guide says it is`);
  }

  #compare(shown: string): void {
    if (this.#last === undefined) throw new Error('the output that is shown does not follow a command');
    const pattern = shown.trimEnd().split('…').map(literally).join('[\\s\\S]*?');
    const printed = this.#last.stdout.trimEnd();
    if (!new RegExp(`^${pattern}$`).test(printed)) throw new Error(`shown is\n${shown}\nand printed was\n${printed}`);
  }
}

const literally = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
