#!/usr/bin/env node
/**
 * How the command begins. Of its own it only loads main.js and all that belongs to it, file by file. The build replaces
 * its output by a file that runs the same modules joined (scripts/bundle-dist.ts). CommonJS, which Node starts sooner
 * than a module.
 */
void import('./main.js')
