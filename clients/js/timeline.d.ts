/**
 * Importing this module adds a button to the page, which opens a timeline of the parts that the page
 * fetches. It has no exports. See docs/timeline.md.
 */
export {};
