/** `@quantbot/storage/lake`: how DuckDB reaches the lake of a cluster. */
export { lakeAddress } from './lake-address.js';
export { attachStatements, type LakeAddress, type OpenLake, openLake } from './open-lake.js';
