/** How the thread for first requests begins: see ../../cli/stratafs.cts. */
void import('./first-request-worker.js')
