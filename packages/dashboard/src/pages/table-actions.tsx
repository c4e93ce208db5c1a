import { get, type Table } from '../client.js';
import { operate } from '../operate.js';
import { Act, Actions } from '../parts/act.js';

const who = { reason: null, by: 'dashboard' };
const pollMs = 200;
const maxPolls = 150;

interface Props {
  name: string;
  isThere: boolean;
  /** Called once readers see a table that was restored. */
  onRestored(): void;
}

/** What can be done with a table, or with one that was dropped. */
export function TableActions({ name: table, isThere, onRestored }: Props) {
  if (!isThere)
    return (
      <Actions key="restore">
        <Act
          name="Restore a dropped table"
          question={`Shall canon.${table} come back, with all artifacts that have its hint?`}
          act={async () => {
            await operate({ type: 'table_restore', table, ...who });
            await untilSeen(table);
            onRestored();
          }}
          done="It is back."
        />
      </Actions>
    );
  return (
    <Actions key="drop">
      <Act
        name="Run its export"
        question={`Shall the export ${table} be written again now?`}
        act={() => operate({ type: 'export', names: [table], force: true })}
        done="The export ran."
      />
      <Act
        name="Drop the table"
        question={`Shall canon.${table} and its export go? Its artifacts stay, and can restore it.`}
        act={() => operate({ type: 'table_drop', table, ...who })}
        done="It is dropped."
      />
    </Actions>
  );
}

/** Waits for a restored table: the daemon builds its files after it has settled the operation. */
async function untilSeen(table: string): Promise<void> {
  for (let polls = 0; polls < maxPolls; polls++) {
    const { tables } = await get<{ tables: Table[] }>('/tables');
    // The catalog that readers see tells the seq.
    if (tables.some(({ name, lastSeq }) => name === table && lastSeq > 0)) return;
    await new Promise(resolve => setTimeout(resolve, pollMs));
  }
}
