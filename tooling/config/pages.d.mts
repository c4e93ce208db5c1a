import type { Root } from 'mdast';

export interface MarkdownPage {
  /** Its path below the root, with slashes. */
  name: string;
  tree: Root;
}

export declare const root: string;
export declare const markdownPages: () => MarkdownPage[];
export declare const parseMarkdown: (text: string) => Root;
