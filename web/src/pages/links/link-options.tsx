import { redirectKinds } from '../../api/types';
import { Field } from '../../components/field';
import { Select } from '../../components/select';
import type { LinkFields } from '../../lib/link-form';

const meanings = {
  301: '301 moved permanently',
  302: '302 found',
  307: '307 temporary, same method',
  308: '308 permanent, same method',
} as const;

const redirectOptions = redirectKinds.map((kind) => ({
  value: String(kind),
  label: meanings[kind],
}));

interface LinkOptionsProps {
  fields: LinkFields;
  onChange: (change: Partial<LinkFields>) => void;
  /** For a link to be made, not for one to be changed: its address is still open. */
  fresh?: boolean;
}

/** Everything about a link but where it leads. */
export function LinkOptions({ fields, onChange, fresh = false }: LinkOptionsProps) {
  return (
    <div className="form-grid">
      {fresh && (
        <>
          <Field
            label="Alias"
            value={fields.alias}
            onValue={(alias) => onChange({ alias })}
            hint="The end of the short address, instead of a code."
          />
          <Field
            label="Domain"
            value={fields.domain}
            onValue={(domain) => onChange({ domain })}
            hint="One of your own domains."
          />
        </>
      )}
      <Field label="Title" value={fields.title} onValue={(title) => onChange({ title })} />
      <Field
        label="Tags"
        value={fields.tags}
        onValue={(tags) => onChange({ tags })}
        hint="Separated by commas."
      />
      <Field
        label="Expires"
        type="datetime-local"
        value={fields.expires}
        onValue={(expires) => onChange({ expires })}
        hint="In your time zone."
      />
      <Field
        label="Most visits"
        type="number"
        min={1}
        step={1}
        value={fields.maxVisits}
        onValue={(maxVisits) => onChange({ maxVisits })}
        hint="After that it leads nowhere."
      />
      <Field
        label={fresh ? 'Password' : 'New password'}
        type="password"
        autoComplete="new-password"
        value={fields.password}
        onValue={(password) => onChange({ password })}
        hint="Asked of everyone who follows it."
      />
      <Select
        label="Redirect"
        value={fields.redirect}
        onValue={(redirect) => onChange({ redirect })}
        options={fresh ? [{ value: '', label: 'Default' }, ...redirectOptions] : redirectOptions}
      />
    </div>
  );
}
