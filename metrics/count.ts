/**
 * Whole numbers, as the schema of the report has them.
 *
 * @module
 */

/**
 * A whole number, 0 or more.
 *
 * @asType integer
 * @minimum 0
 */
export type Count = number;
