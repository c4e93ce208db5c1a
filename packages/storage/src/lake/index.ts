/** `@quantbot/storage/lake`: how DuckDB reaches the lake of a cluster. */
export { lakeAddress, lakeAddresses } from './lake-address.js';
export { attachStatements, type LakeAddress, type LakeAddresses, type OpenLake, openLake } from './open-lake.js';
