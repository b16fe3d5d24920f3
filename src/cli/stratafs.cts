#!/usr/bin/env node
/**
 * How the command begins. Of its own it only loads main.js with all that belongs to it, file by file; the build puts a
 * file in place of this one's output that runs the same modules joined (scripts/bundle-dist.ts). CommonJS, which Node
 * starts sooner than a module.
 */
void import('./main.js')
