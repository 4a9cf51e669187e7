/**
 * Loaded into every watched service before its own code. Under --watch Node gives a process this variable, and each child
 * that inherits it reports the files it loads over its channel to its parent: there the service would take the report for
 * an answer of its parser or its engine.
 */
delete process.env['WATCH_REPORT_DEPENDENCIES'];
