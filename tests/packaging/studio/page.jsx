// The page that tests drive: Splunk's own schema and viewer, as they are.
import React from 'react';
import { createRoot } from 'react-dom/client';
import DashboardCore from '@splunk/dashboard-core';
import { DashboardContextProvider } from '@splunk/dashboard-context';
import { createSchemaBasedOnPresets } from '@splunk/dashboard-definition';
import EnterpriseViewOnlyPreset from '@splunk/dashboard-presets/EnterpriseViewOnlyPreset';
import { DashboardValidator } from '@splunk/dashboard-validation';
import { SplunkThemeProvider } from '@splunk/themes';

window.Studio = {
    // null, or what the schema of Enterprise's viewer has against the definition.
    validate: (definition) => {
        const validator = new DashboardValidator();
        const schema = createSchemaBasedOnPresets(EnterpriseViewOnlyPreset);
        return validator.setSchema(schema) ?? validator.validate(definition);
    },
    draw: (definition, colorScheme) =>
        createRoot(document.getElementById('root')).render(
            <SplunkThemeProvider family="enterprise" colorScheme={colorScheme} density="comfortable">
                <DashboardContextProvider
                    preset={EnterpriseViewOnlyPreset}
                    initialDefinition={definition}
                >
                    <DashboardCore width="100%" height="auto" />
                </DashboardContextProvider>
            </SplunkThemeProvider>
        ),
};
