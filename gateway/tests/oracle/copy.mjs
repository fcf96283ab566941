// A client's copy of what a view shows it: its SELECT, and the changes since.

export class Copy {
  rows = new Map();

  constructor(view, claims) {
    this.view = view;
    this.claims = claims;
  }

  replace(rows) {
    this.rows = new Map(rows.map((row) => [row.id, row]));
  }

  // Applies a change as it comes from the wire. Returns what is wrong with having received it.
  apply({ type, record, old, errors }) {
    const faults = [];
    if (errors?.length > 0) faults.push(`values are missing: ${errors}`);
    for (const row of [record, old]) {
      const fault = row && this.view.fault(row, this.claims);
      if (fault) faults.push(`${type} with ${fault}: ${JSON.stringify(row)}`);
    }
    switch (type) {
      case 'INSERT':
        this.rows.set(record.id, record);
        break;
      case 'UPDATE':
        if (old.id !== record.id) this.rows.delete(old.id);
        this.rows.set(record.id, record);
        break;
      case 'DELETE':
        this.rows.delete(old.id);
        break;
      case 'TRUNCATE':
        this.rows.clear();
        break;
      default:
        faults.push(`an event of the type ${type}`);
    }
    return faults;
  }

  // How the copy differs from these rows; undefined where it does not.
  difference(rows) {
    const text = (row) => JSON.stringify(Object.entries(row ?? {}).sort());
    const wrong = rows.filter((row) => text(this.rows.get(row.id)) !== text(row));
    const ids = new Set(rows.map((row) => row.id));
    const surplus = [...this.rows.values()].filter((row) => !ids.has(row.id));
    if (wrong.length === 0 && surplus.length === 0) return undefined;
    const shown = wrong.slice(0, 3).map((row) => `${JSON.stringify(row)} is ${JSON.stringify(this.rows.get(row.id))}`);
    return `${wrong.length} rows are missing or differ (${shown.join('; ')}), ${surplus.length} are not there any more (${JSON.stringify(surplus.slice(0, 3))})`;
  }
}
