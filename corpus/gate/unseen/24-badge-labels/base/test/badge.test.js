import { test } from 'node:test';
import { badge } from '../src/badge.js';
import { matches } from './snapshot.js';

test('plain', () => matches('plain.svg', badge('build')));

test('warn', () => matches('warn.svg', badge('2 open', 'warn')));

test('escaped', () => matches('escaped.svg', badge('a "b" <c> & d', 'good')));
