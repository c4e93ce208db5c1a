import fc from 'fast-check';

// fast-check prints the seed of a run that fails; FC_SEED makes the same run again.
if (process.env.FC_SEED !== undefined) fc.configureGlobal({ seed: Number(process.env.FC_SEED) });

export { fc };
