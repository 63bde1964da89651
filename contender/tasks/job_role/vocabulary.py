"""The invented world of synthetic candidates: families of skills, and roles that draw on them.

Written for this project. Roles of one trade share families, so they are hard to tell apart, as in real profiles.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

# fmt: off
SOFT: Final = (
    "Active Listening; Critical Thinking; Negotiation; Teamwork; Public Speaking; Written Communication; Planning; "
    "Problem Solving; Decision Making; Time Management; Coaching; Attention to Detail; Customer Focus; Adaptability; "
    "Conflict Resolution; Leadership"
)
"""What people of any role say about themselves."""

FAMILIES: Final[Mapping[str, str]] = {
    "office": "Microsoft Excel; Microsoft Word; Microsoft PowerPoint; Microsoft Outlook; Google Sheets; Google Docs; "
              "Zoom; Slack; Adobe Acrobat",
    "accounting": "QuickBooks; Xero; Sage Intacct; General ledger; Accounts payable; Payroll processing; "
                  "Bank reconciliation; Tax preparation; IFRS",
    "finance": "Bloomberg Terminal; Discounted cash flow; Capital IQ; Portfolio analysis; Derivatives pricing; "
               "FactSet; Credit risk; Financial modelling",
    "statistics": "R; SAS; IBM SPSS; Stata; Minitab; Survival analysis; Mixed models; Experimental design; "
                  "Bayesian inference",
    "data": "Python; SQL; pandas; Jupyter; Tableau; Power BI; Apache Spark; Snowflake; dbt; Looker",
    "learning": "scikit-learn; PyTorch; TensorFlow; XGBoost; Feature engineering; MLflow; NLP; Computer vision",
    "databases": "PostgreSQL; Oracle Database; MySQL; Microsoft SQL Server; MongoDB; PL/SQL; Query tuning; "
                 "Replication; Backup and recovery; Redis",
    "warehouse": "Informatica; Talend; Apache Airflow; Data Vault; Star schema; Teradata; Amazon Redshift; BigQuery; "
                 "Azure Synapse",
    "code": "Java; C#; C++; Git; Jenkins; Docker; REST APIs; Unit testing; Spring Boot; Maven; Agile; Jira",
    "web": "JavaScript; TypeScript; HTML; CSS; React; Vue.js; Node.js; PHP; WordPress; jQuery",
    "design": "Adobe Photoshop; Adobe Illustrator; Adobe InDesign; Figma; Sketch; Typography; Adobe After Effects; "
              "Branding; Wireframing",
    "network": "Cisco IOS; BGP; OSPF; VLAN; VPN; Juniper; Wireshark; Load balancing; SD-WAN; TCP/IP",
    "systems": "Linux; Windows Server; Active Directory; VMware; PowerShell; Bash; Ansible; Azure; "
               "Amazon Web Services; Nagios",
    "security": "Splunk; Nessus; Burp Suite; Penetration testing; SIEM; ISO 27001; Firewalls; Incident response; "
                "Metasploit",
    "support": "ServiceNow; Zendesk; Remote desktop; Ticketing; Printer repair; macOS; Windows 11; "
               "Knowledge base writing",
    "marketing": "Google Analytics; HubSpot; SEO; Google Ads; Mailchimp; Social media campaigns; Content strategy; "
                 "Market segmentation",
    "sales": "Salesforce; CRM; Lead generation; Account planning; Pipeline forecasting; Quotation; Channel sales; "
             "Contract negotiation",
    "people": "Workday; BambooHR; Recruiting; Onboarding; Labour law; Benefits administration; LinkedIn Recruiter; "
              "Performance reviews",
    "teaching": "Moodle; Articulate Storyline; Instructional design; Workshop facilitation; Camtasia; "
                "Needs assessment; LMS administration",
    "management": "Microsoft Project; Budgeting; Risk register; Stakeholder management; Scrum; Visio; SAP; "
                  "KPI reports; Process mapping",
    "supply": "SAP MM; Inventory control; Freight booking; Incoterms; Warehouse management; Demand planning; "
              "Supplier audits; Coupa",
    "drawing": "AutoCAD; SolidWorks; Revit; CATIA; SketchUp; Technical drawing; Tolerancing; 3D printing",
    "structures": "Civil 3D; STAAD; Surveying; HEC-RAS; MicroStation; Concrete design; Road design; Soil mechanics",
    "process": "Aspen Plus; HAZOP; P&ID; Distillation; Process control; Heat exchangers; CHEMCAD; Pilot plant",
    "plant": "Six Sigma; Lean; Value stream mapping; Arena simulation; Time study; PLC; Kaizen; Siemens NX; ANSYS",
    "circuits": "Altium; SPICE; VHDL; LabVIEW; Power systems; Embedded C; Oscilloscope; MATLAB; PCB layout",
    "environment": "ArcGIS; Air dispersion modelling; Wastewater treatment; Environmental permits; "
                   "Groundwater sampling; Life cycle assessment",
    "clinical": "Epic; Patient assessment; Medication administration; Triage; Wound care; Cerner; BLS certificate; "
                "HIPAA",
    "trials": "REDCap; Medidata Rave; CDISC; OpenClinica; Good clinical practice; Case report forms; MedDRA coding",
    "law": "Westlaw; LexisNexis; Legal research; Document review; E-discovery; Clio; Contract drafting; Court filing",
    "press": "Press releases; Cision; Media relations; Speech writing; Crisis communication; Hootsuite; Event planning",
    "writing": "MadCap Flare; DITA; XML; API documentation; Style guides; Adobe FrameMaker; Markdown; Single sourcing",
    "insurance": "Prophet; Loss reserving; Mortality tables; Solvency II; VBA; Annuity valuation; Emblem",
    "service": "Call handling; Complaint resolution; Order entry; Live chat; Cash handling; Freshdesk; Upselling",
    "testing": "Selenium; Cypress; JMeter; Test plans; Regression testing; Cucumber; TestRail; Postman",
}


class Role(NamedTuple):
    """A role's share of the candidates, its families (most typical first), and who works in it.

    `degree` shifts qualifications (−1 school to 1 doctorate) and `seniority` experience (−1 entry to 1 executive).
    """

    share: int
    families: str
    degree: float
    seniority: float


ROLES: Final[Mapping[str, Role]] = {
    "Accountants and Auditors": Role(75, "accounting office finance", 0.2, 0.0),
    "Actuaries": Role(60, "insurance statistics finance office", 0.4, 0.0),
    "Architects, Except Landscape and Naval": Role(230, "drawing design structures office", 0.5, 0.1),
    "Biostatisticians": Role(1850, "statistics trials data office", 0.6, 0.0),
    "Bookkeeping, Accounting, and Auditing Clerks": Role(65, "accounting office service", -0.7, -0.3),
    "Business Intelligence Analysts": Role(200, "data warehouse office management", 0.2, 0.0),
    "Chemical Engineers": Role(320, "process plant drawing office", 0.4, 0.0),
    "Civil Engineers": Role(1030, "structures drawing management office", 0.3, 0.1),
    "Clinical Data Managers": Role(95, "trials databases statistics office", 0.3, 0.1),
    "Computer Network Architects": Role(110, "network security systems", 0.2, 0.3),
    "Computer Programmers": Role(85, "code databases systems", 0.0, -0.1),
    "Computer Systems Analysts": Role(90, "management code databases systems", 0.1, 0.0),
    "Computer User Support Specialists": Role(420, "support systems office", -0.5, -0.4),
    "Customer Service Representatives": Role(640, "service support office sales", -0.8, -0.5),
    "Data Scientists": Role(280, "learning data statistics", 0.7, 0.0),
    "Data Warehousing Specialists": Role(65, "warehouse databases data", 0.1, 0.0),
    "Database Administrators": Role(160, "databases systems warehouse", 0.0, 0.1),
    "Database Architects": Role(75, "databases warehouse management", 0.3, 0.5),
    "Electrical Engineers": Role(75, "circuits drawing plant", 0.4, 0.0),
    "Environmental Engineers": Role(190, "environment structures process office", 0.4, 0.0),
    "Financial and Investment Analysts": Role(450, "finance accounting office data", 0.4, -0.1),
    "General and Operations Managers": Role(95, "management supply people office", 0.1, 0.8),
    "Graphic Designers": Role(150, "design web marketing", -0.1, -0.2),
    "Human Resources Specialists": Role(105, "people office teaching", 0.1, 0.0),
    "Industrial Engineers": Role(140, "plant supply drawing management", 0.3, 0.0),
    "Information Security Analysts": Role(130, "security network systems", 0.2, 0.1),
    "Information Technology Project Managers": Role(60, "management code systems", 0.3, 0.6),
    "Logisticians": Role(80, "supply management office", 0.0, 0.0),
    "Management Analysts": Role(520, "management data office finance", 0.5, 0.2),
    "Market Research Analysts and Marketing Specialists": Role(65, "marketing statistics office", 0.2, -0.1),
    "Marketing Managers": Role(210, "marketing sales press office", 0.3, 0.5),
    "Mechanical Engineers": Role(110, "drawing plant circuits", 0.3, 0.0),
    "Network and Computer Systems Administrators": Role(105, "systems network support", -0.1, 0.0),
    "Paralegals and Legal Assistants": Role(55, "law office", -0.3, -0.2),
    "Public Relations Specialists": Role(180, "press marketing design office", 0.1, 0.0),
    "Purchasing Managers": Role(115, "supply sales management office", 0.1, 0.6),
    "Registered Nurses": Role(120, "clinical office", 0.1, 0.0),
    "Sales Managers": Role(125, "sales marketing management office", 0.0, 0.6),
    "Software Developers": Role(70, "code web databases", 0.2, 0.0),
    "Software Quality Assurance Analysts and Testers": Role(45, "testing code web", 0.0, -0.1),
    "Statisticians": Role(100, "statistics learning office", 0.7, 0.0),
    "Technical Writers": Role(65, "writing design web office", 0.1, 0.0),
    "Training and Development Specialists": Role(270, "teaching people office", 0.2, 0.0),
    "Web Developers": Role(65, "web code design", -0.1, -0.1),
    "Web and Digital Interface Designers": Role(100, "design web writing", 0.0, 0.0),
}
# fmt: on
