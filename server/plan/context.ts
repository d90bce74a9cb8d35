/**
 * What planning knows besides the request: the catalog, who asks, and the settings that bear on plans.
 */
import type { Catalog } from '../catalog/types.ts';

/** The settings that bear on plans. */
export interface PlanOptions {
  readonly dbMaxRows: number | null;
  readonly dbMaxStreamRows: number | null;
  readonly dbAggregatesEnabled: boolean;
  /** Cost units of the planner; 0 = no limit. */
  readonly dbMaxCost: number;
  readonly dbMaxAggregateCost: number;
  readonly dbPlanEnabled: boolean;
  readonly dbMaxEmbedDepth: number;
  readonly dbMaxNestedObjects: number;
  readonly urlUseLegacyTargetNames: boolean;
  readonly requireRls: 'enforce' | 'warn' | 'off';
  readonly openapiVersion: '3.1' | '2.0';
}

export interface PlanContext {
  readonly catalog: Catalog;
  /** The role that the request runs as. */
  readonly role: string;
  readonly options: PlanOptions;
}
