import { useEffect, useId, useState } from 'react';
import type { LimitRehearsal, LimitRules } from '../../api/types';
import { Button } from '../../components/button';
import { Command } from '../../components/command';
import { Field } from '../../components/field';
import { ProblemNote } from '../../components/problem-note';
import { useConsole } from '../../console';
import { useAction } from '../../hooks/use-action';
import { formatCount, formatDuration, plural } from '../../lib/format';
import { ruleFilePath } from '../../lib/paths';

const example = `domain: auth
descriptors:
  - key: auth_type
    value: login
    rate_limit: {unit: minute, requests_per_unit: 5}
`;

interface RuleFileEditorProps {
  files: readonly string[];
  file: string;
  onFile: (file: string) => void;
  onChanged: () => void;
}

/** Reads a rule file, tries a change of it, and puts it in force. */
export function RuleFileEditor({ files, file, onFile, onChanged }: RuleFileEditorProps) {
  const { api, announce } = useConsole();
  const [text, setText] = useState(example);
  const [checked, setChecked] = useState<LimitRules | null>(null);
  const [replayed, setReplayed] = useState<LimitRehearsal | null>(null);
  const action = useAction();
  const id = useId();
  const name = file.trim() || 'auth.yaml';
  const known = files.includes(name);

  useEffect(() => {
    if (!known) {
      return undefined;
    }
    const controller = new AbortController();
    api.ruleFile(name, controller.signal).then(setText, () => undefined);
    return () => controller.abort();
  }, [api, name, known]);

  const forget = () => {
    setChecked(null);
    setReplayed(null);
  };
  const check = () =>
    void action.run(async () => {
      forget();
      setChecked(await api.checkRuleFile(name, text));
    });
  const replay = () =>
    void action.run(async () => {
      forget();
      setReplayed(await api.replayRuleFile(name, text));
    });
  const save = () =>
    void action.run(async () => {
      forget();
      await api.putRuleFile(name, text);
      announce(`${name} is in force`);
      onChanged();
    });
  const remove = () =>
    void action.run(async () => {
      forget();
      await api.removeRuleFile(name);
      announce(`${name} and its rules are gone`);
      onChanged();
    });
  return (
    <div className="form">
      <Field
        label="File"
        value={file}
        onValue={onFile}
        placeholder="auth.yaml"
        suggestions={files}
        hint="One that is there is read when it is named."
      />
      <div className="field">
        <label htmlFor={id}>Rules</label>
        <textarea
          id={id}
          className="code-area"
          rows={12}
          spellCheck={false}
          value={text}
          onChange={(event) => setText(event.target.value)}
        />
      </div>
      <ProblemNote problem={action.problem} />
      <div className="row-actions">
        <Button onClick={check} busy={action.busy}>Check</Button>
        <Button onClick={replay} busy={action.busy}>Dry run</Button>
        <Button kind="primary" onClick={save} busy={action.busy}>Put in force</Button>
        {known && <Button kind="danger" onClick={remove} busy={action.busy}>Remove</Button>}
      </div>
      {checked && (
        <p role="status">
          Sound: with it {plural(checked.rules.length, 'rule')} would be in force, and nothing has
          changed.
        </p>
      )}
      {replayed && <Replayed rehearsal={replayed} />}
      <Command request={{ path: ruleFilePath(name) }} />
    </div>
  );
}

function Replayed({ rehearsal }: { rehearsal: LimitRehearsal }) {
  if (rehearsal.decisions === 0) {
    return (
      <p role="status">
        No decision is recorded to try it on: set <code>limiter.recorded_decisions</code>.
      </p>
    );
  }
  const { decisions, spanS, admittedThen, admittedNow, newlyDenied, newlyAdmitted } = rehearsal;
  return (
    <p role="status">
      Of {plural(decisions, 'decision')} of {formatDuration(spanS)}:{' '}
      {formatCount(admittedThen)} passed then, {formatCount(admittedNow)} would now;{' '}
      {formatCount(newlyDenied)} newly denied, {formatCount(newlyAdmitted)} newly admitted.
    </p>
  );
}
