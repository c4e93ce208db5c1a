import type { ListedObject, Objects } from '@quantbot/infra/objects';

const pageSize = 1000;

/**
 * Lists all objects below a prefix, page by page.
 *
 * @param after only those with larger keys.
 */
export async function* pagesOf(
  objects: Pick<Objects, 'list'>,
  prefix: string,
  after?: string,
): AsyncGenerator<ListedObject[]> {
  let page: ListedObject[];
  do {
    page = await objects.list(prefix, { limit: pageSize, ...(after !== undefined && { after }) });
    if (page.length > 0) yield page;
    after = page.at(-1)?.key;
  } while (page.length === pageSize);
}
